package rest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/leyden-ln/leyden/internal/atomicfile"
)

// The files in a node's data folder. Others may be put in their place.
const (
	CertFile = "rest-cert.pem"
	keyFile  = "rest-key.pem"
)

// lasting is for how long a certificate is good: whoever trusts it has the file itself.
const lasting = 10 * 365 * 24 * time.Hour

// certificate reads the certificate of a data folder, or makes one for a host.
func certificate(dir, host string) (tls.Certificate, error) {
	certPath, keyPath := filepath.Join(dir, CertFile), filepath.Join(dir, keyFile)
	c, err := tls.LoadX509KeyPair(certPath, keyPath)
	if !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	for _, path := range []string{certPath, keyPath} { // one alone is of somebody's own
		if _, err := os.Stat(path); err == nil && !ours(certPath) {
			return c, errors.New(path + " stands alone: put its other half beside it, or take it away")
		}
	}
	cert, key, err := makeCertificate(host)
	if err != nil {
		return c, err
	}
	if err := atomicfile.Replace(certPath, cert); err != nil {
		return c, err
	}
	if err := atomicfile.Replace(keyPath, key); err != nil {
		return c, err
	}
	return tls.X509KeyPair(cert, key)
}

// issuer is the name in the certificates that are made here.
const issuer = "Leyden REST"

// ours says whether a certificate was made here, and so may be made anew when its key
// is missing: a crash may have come between the two.
func ours(path string) bool {
	b, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	p, _ := pem.Decode(b)
	if p == nil {
		return false
	}
	c, err := x509.ParseCertificate(p.Bytes)
	return err == nil && c.Subject.CommonName == issuer
}

func makeCertificate(host string) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	t := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: issuer},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(lasting),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true, // so that it can be trusted by itself
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if name, err := os.Hostname(); err == nil && name != "" && name != "localhost" {
		t.DNSNames = append(t.DNSNames, name)
	}
	if ip := net.ParseIP(host); ip == nil && host != "" && host != "localhost" {
		t.DNSNames = append(t.DNSNames, host)
	} else if ip != nil && !ip.IsUnspecified() && !ip.IsLoopback() {
		t.IPAddresses = append(t.IPAddresses, ip)
	}
	der, err := x509.CreateCertificate(rand.Reader, &t, &t, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	var c, k bytes.Buffer
	err = errors.Join(pem.Encode(&c, &pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.Encode(&k, &pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	return c.Bytes(), k.Bytes(), err
}

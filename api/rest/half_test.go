package rest

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A client that hangs in the middle of its request, wherever that is, is let go, and the
// others are answered meanwhile.
func TestARequestOfWhichHalfComesIsEndedAndTheOthersServed(t *testing.T) {
	c, _ := serveBy(t, newNode(t, newChain(t)), &Server{whole: 3 * time.Second})
	c.must("getinfo", "")
	host := strings.TrimPrefix(c.url, "https://")
	dial := func() net.Conn {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(longest)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	secure := func() net.Conn {
		config := c.http.Transport.(*http.Transport).TLSClientConfig.Clone()
		config.ServerName = "127.0.0.1"
		return tls.Client(dial(), config)
	}
	head := fmt.Sprintf("POST /v1/invoice HTTP/1.1\r\nHost: %s\r\nRune: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n", host, c.rune)
	halves := []struct {
		of, text, answer string
		conn             net.Conn
	}{
		{of: "a header", text: head, conn: secure()},
		{of: "a body", text: head + "\r\n" + `["1000msat","half a`, conn: secure(), answer: "HTTP/1.1 400 "},
		{of: "a handshake", text: "\x16\x03\x01", conn: dial()},
	}
	for _, half := range halves {
		if _, err := io.WriteString(half.conn, half.text); err != nil {
			t.Fatalf("half of %s: %v", half.of, err)
		}
	}
	c.must("getinfo", "") // they hang meanwhile
	for _, half := range halves {
		b, err := io.ReadAll(half.conn)
		if err, late := err.(net.Error); late && err.Timeout() { //nolint:errorlint // as it comes from the connection
			t.Fatalf("half of %s is still there after %v", half.of, longest)
		}
		if !strings.HasPrefix(string(b), half.answer) {
			t.Errorf("half of %s was answered by %q, %v", half.of, b, err)
		}
	}
	if got := c.must("listinvoices", "")["invoices"].([]any); len(got) != 0 {
		t.Errorf("half a request made %v", got)
	}
	c.must("invoice", `["1000msat","whole","a whole one"]`)
}

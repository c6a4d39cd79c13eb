package wire

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// The kinds of address descriptor of BOLT 7, "The `node_announcement` Message".
const (
	AddressIPv4  byte = 1
	AddressIPv6  byte = 2
	AddressTorV3 byte = 4
	AddressDNS   byte = 5
)

// torV2 is the kind that is not used any more; its size is still known.
const torV2 = 3

// Address is where a node can be reached. Host is as a user writes it: an IP
// address without brackets, a name, or 56 characters and ".onion".
type Address struct {
	Kind byte
	Host string
	Port uint16
}

// String prints host and port as they are dialled, such as "[::1]:9735".
func (a Address) String() string {
	host := a.Host
	if a.Kind == AddressIPv6 {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(a.Port))
}

// Errors of addresses.
var (
	ErrAddress   = errors.New("not an address that can be announced")
	ErrHostnames = errors.New("more than one DNS hostname is announced")
)

// onionHost is the alphabet of onion services.
var onionHost = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Bytes of an onion service's address, and what its name ends with.
const (
	torV3Size   = 35
	onionSuffix = ".onion"
)

// ParseAddresses reads the address descriptors of a node_announcement, or the
// one of init's remote_addr. It leaves out Tor v2, hostnames that are no plain
// ASCII names, and whatever has no port; an unknown kind ends the list, since its
// size is unknown. With an error come the addresses before it. Errors: [ErrShort];
// [ErrHostnames], with which the announcement must not be forwarded.
//
// BOLT 7: "SHOULD ignore the first `address descriptor` that does NOT match the types"
func ParseAddresses(b []byte) ([]Address, error) {
	var out []Address
	named := false
	for len(b) > 0 {
		kind := b[0]
		size, known := descriptorSize(b)
		if !known {
			return out, nil
		}
		if size > len(b) {
			return out, fmt.Errorf("address of kind %d: %w", kind, ErrShort)
		}
		// BOLT 7: "if more than one `type 5` address is announced"
		if kind == AddressDNS && named {
			return out, ErrHostnames
		}
		named = named || kind == AddressDNS
		// BOLT 7: "if `port` is equal to 0"
		a := Address{Kind: kind, Host: host(kind, b[1:size-2]), Port: binary.BigEndian.Uint16(b[size-2:])}
		if a.Host != "" && a.Port != 0 {
			out = append(out, a)
		}
		b = b[size:]
	}
	return out, nil
}

// descriptorSize is how many bytes the first descriptor takes, with its kind;
// false for an unknown kind.
func descriptorSize(b []byte) (size int, known bool) {
	const kind, port = 1, 2
	switch b[0] {
	case AddressIPv4:
		return kind + 4 + port, true
	case AddressIPv6:
		return kind + 16 + port, true
	case torV2:
		return kind + 10 + port, true
	case AddressTorV3:
		return kind + torV3Size + port, true
	case AddressDNS:
		if len(b) < 2 {
			return kind + 1 + port, true
		}
		return kind + 1 + int(b[1]) + port, true
	}
	return 0, false
}

// host prints what stands between kind and port; "" when it is of no use.
func host(kind byte, b []byte) string {
	switch kind {
	case AddressIPv4, AddressIPv6:
		ip, _ := netip.AddrFromSlice(b)
		return ip.String()
	case AddressTorV3:
		return onionHost.EncodeToString(b) + onionSuffix
	case AddressDNS:
		if name := string(b[1:]); isHostname(name) {
			return name
		}
	}
	return ""
}

// isHostname says whether a name is made of what hostnames are made of, so that
// it can be shown and dialled without a second thought.
//
// BOLT 7: "`hostname` bytes MUST be ASCII characters."
func isHostname(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return 0 < len(s) && len(s) <= 255
}

// AppendAddress appends an address descriptor. Error: [ErrAddress].
//
// BOLT 7: "MUST NOT create a `type 1`, `type 2` or `type 5` address descriptor with `port` equal to 0."
func AppendAddress(b []byte, a Address) ([]byte, error) {
	var host []byte
	switch a.Kind {
	case AddressIPv4, AddressIPv6:
		ip, err := netip.ParseAddr(a.Host)
		if err == nil && ip.Zone() == "" && ip.Is4() == (a.Kind == AddressIPv4) {
			host = ip.AsSlice()
		}
	case AddressTorV3:
		name, ok := strings.CutSuffix(strings.ToLower(a.Host), onionSuffix)
		if raw, err := onionHost.DecodeString(name); ok && err == nil && len(raw) == torV3Size {
			host = raw
		}
	case AddressDNS:
		if isHostname(a.Host) {
			host = append([]byte{byte(len(a.Host))}, a.Host...)
		}
	}
	if host == nil || a.Port == 0 {
		return b, fmt.Errorf("%w: %q, port %d, of kind %d", ErrAddress, a.Host, a.Port, a.Kind)
	}
	b = append(append(b, a.Kind), host...)
	return binary.BigEndian.AppendUint16(b, a.Port), nil
}

package runes

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Errors of [Decode] and [Parse].
var (
	ErrBase64      = errors.New("a rune is base64 of at least 32 bytes")
	ErrTooLong     = errors.New("the rune is too long")
	ErrUTF8        = errors.New("the rune's restrictions are not UTF-8")
	ErrRestriction = errors.New("not a valid restriction")
	ErrID          = errors.New("the first restriction, and no other, may be the rune's number, as =NUMBER")
)

// Limits of a rune.
const (
	longest   = 64 << 10 // bytes of its base64
	secretMax = 55       // bytes: the secret and SHA256's padding are one block
)

// The operators of an alternative.
const (
	Missing     = '!'
	Equal       = '='
	NotEqual    = '/'
	Starts      = '^'
	Ends        = '$'
	Contains    = '~'
	Less        = '<'
	Greater     = '>'
	Before      = '{'
	After       = '}'
	Comment     = '#'
	operators   = "!=/^$~<>{}#"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~" // all of ASCII's but the underscore
)

// Alternative is one condition: a field, how to compare it, and with what.
type Alternative struct {
	Field string
	Op    byte
	Value string
}

// Restriction is alternatives of which one must hold.
type Restriction []Alternative

// Rune is an authentication code and the restrictions that it covers.
type Rune struct {
	auth         [sha256.Size]byte
	restrictions []Restriction
}

// New makes the rune of a number, which may do everything. A secret of more than 55
// bytes is cut.
func New(secret []byte, id uint64) *Rune {
	r := master(secret)
	r.add(Restriction{{Op: Equal, Value: strconv.FormatUint(id, 10)}})
	return r
}

func master(secret []byte) *Rune {
	return &Rune{auth: sha256.Sum256(secret[:min(len(secret), secretMax)])}
}

// Clone is a copy that can be restricted on its own.
func (r *Rune) Clone() *Rune {
	return &Rune{auth: r.auth, restrictions: append([]Restriction(nil), r.restrictions...)}
}

// Restrict adds a restriction. Error: [ErrRestriction].
func (r *Rune) Restrict(x Restriction) error {
	if len(x) == 0 {
		return ErrRestriction
	}
	for _, a := range x {
		if !a.valid() || a.Field == "" {
			return fmt.Errorf("%w: %q", ErrRestriction, a.String())
		}
	}
	r.add(x)
	return nil
}

// add goes on with SHA256 from the code, which is its state after a whole number of
// blocks.
func (r *Rune) add(x Restriction) {
	h := resume(r.auth, r.length())
	h.Write([]byte(x.String()))
	h.Sum(r.auth[:0])
	r.restrictions = append(r.restrictions, x)
}

// length is how many bytes the code covers, each part with its padding.
func (r *Rune) length() uint64 {
	n := uint64(sha256.BlockSize)
	for _, x := range r.restrictions {
		n = padded(n + uint64(len(x.String())))
	}
	return n
}

// padded is a length with SHA256's padding: a bit, zeros, and the length in 8 bytes.
func padded(n uint64) uint64 {
	return (n + 1 + 8 + sha256.BlockSize - 1) / sha256.BlockSize * sha256.BlockSize
}

// resume is SHA256 with a state after so many bytes, a multiple of its block.
func resume(state [sha256.Size]byte, length uint64) hash.Hash {
	// The form in which crypto/sha256 stores its state: a mark, the state, the rest of
	// the last block, the length.
	b := append([]byte("sha\x03"), state[:]...)
	b = append(b, make([]byte, sha256.BlockSize)...)
	b = binary.BigEndian.AppendUint64(b, length)
	h := sha256.New()
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(b); err != nil {
		panic("runes: the state of SHA256 has another form: " + err.Error()) // any test finds it
	}
	return h
}

// AuthorizedBy says whether the rune was made from a secret. It takes the same time
// whatever the code is.
func (r *Rune) AuthorizedBy(secret []byte) bool {
	m := master(secret)
	for _, x := range r.restrictions {
		m.add(x)
	}
	return subtle.ConstantTimeCompare(m.auth[:], r.auth[:]) == 1
}

// Restrictions are the rune's, without its number.
func (r *Rune) Restrictions() []Restriction {
	if r.numbered() {
		return r.restrictions[1:]
	}
	return r.restrictions
}

func (r *Rune) numbered() bool { return len(r.restrictions) > 0 && r.restrictions[0][0].Field == "" }

// UniqueID is the number as it was written; empty: none.
func (r *Rune) UniqueID() string {
	if !r.numbered() {
		return ""
	}
	return r.restrictions[0][0].Value
}

// ID is the number of a rune of a node; false: it has none, or one of another form.
func (r *Rune) ID() (uint64, bool) {
	text := r.UniqueID()
	id, err := strconv.ParseUint(text, 10, 63)
	return id, err == nil && strconv.FormatUint(id, 10) == text
}

// Encode is the rune in base64.
func (r *Rune) Encode() string {
	return base64.URLEncoding.EncodeToString(append(r.auth[:len(r.auth):len(r.auth)], r.text()...))
}

// String is the rune with its code in hexadecimal.
func (r *Rune) String() string { return hex.EncodeToString(r.auth[:]) + ":" + r.text() }

func (r *Rune) text() string {
	parts := make([]string, len(r.restrictions))
	for i, x := range r.restrictions {
		parts[i] = x.String()
	}
	return strings.Join(parts, "&")
}

// Decode reads a rune from base64, with or without its padding.
func Decode(text string) (*Rune, error) {
	if len(text) > longest {
		return nil, ErrTooLong
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(b) < sha256.Size {
		return nil, ErrBase64
	}
	r := &Rune{auth: [sha256.Size]byte(b)}
	if b = b[sha256.Size:]; len(b) == 0 {
		return r, nil
	}
	if !utf8.Valid(b) {
		return nil, ErrUTF8
	}
	for i, part := range split(string(b), '&') {
		var x Restriction
		for _, alt := range split(part, '|') {
			a, ok := parse(alt)
			if !ok {
				return nil, fmt.Errorf("%w: %q", ErrRestriction, alt)
			}
			a.Value = unescape(a.Value)
			x = append(x, a)
		}
		for _, a := range x {
			if a.Field == "" && (i > 0 || len(x) > 1 || a.Op != Equal) {
				return nil, ErrID
			}
		}
		r.restrictions = append(r.restrictions, x)
	}
	return r, nil
}

// split cuts at a separator that no backslash stands before.
func split(s string, at byte) (parts []string) {
	begin := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case at:
			parts = append(parts, s[begin:i])
			begin = i + 1
		}
	}
	return append(parts, s[begin:])
}

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

var escapes = strings.NewReplacer(`\`, `\\`, `|`, `\|`, `&`, `\&`)

// Parse reads one alternative, such as "method^list". Its value is taken as it is.
func Parse(text string) (Alternative, error) {
	a, ok := parse(text)
	if !ok || a.Field == "" || !utf8.ValidString(text) {
		return a, fmt.Errorf("%w: %q", ErrRestriction, text)
	}
	return a, nil
}

func parse(text string) (Alternative, bool) {
	i := strings.IndexAny(text, punctuation)
	if i < 0 {
		return Alternative{}, false
	}
	a := Alternative{Field: text[:i], Op: text[i], Value: text[i+1:]}
	return a, a.valid()
}

func (a Alternative) valid() bool {
	return strings.IndexByte(operators, a.Op) >= 0 && !strings.ContainsAny(a.Field, punctuation) && utf8.ValidString(a.Field+a.Value)
}

// String is the alternative as runes write it.
func (a Alternative) String() string { return a.Field + string(rune(a.Op)) + escapes.Replace(a.Value) }

// String is the restriction as runes write it.
func (x Restriction) String() string {
	parts := make([]string, len(x))
	for i, a := range x {
		parts[i] = a.String()
	}
	return strings.Join(parts, "|")
}

var english = map[byte]string{
	Missing: "is missing", Equal: "equal to", NotEqual: "unequal to", Starts: "starts with", Ends: "ends with", Contains: "contains",
	Less: "<", Greater: ">", Before: "sorts before", After: "sorts after", Comment: "comment:",
}

// English is the alternative in words.
func (a Alternative) English() string {
	if a.Op == Missing {
		return a.Field + " " + english[a.Op]
	}
	return a.Field + " " + english[a.Op] + " " + a.Value
}

// English is the restriction in words.
func (x Restriction) English() string {
	parts := make([]string, len(x))
	for i, a := range x {
		parts[i] = a.English()
	}
	return strings.Join(parts, " OR ")
}

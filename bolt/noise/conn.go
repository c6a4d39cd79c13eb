package noise

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/btcsuite/btcd/btcec/v2"
)

// MaxMessage is the length of the longest message, in bytes.
//
// BOLT 8: "The *maximum* size of _any_ Lightning message MUST NOT exceed `65535` bytes."
const MaxMessage = 65535

// headerSize is the encrypted length and its tag.
const headerSize = 2 + macSize

// ErrTooLong means that a message to send is longer than [MaxMessage].
var ErrTooLong = errors.New("noise: message is longer than 65535 bytes")

// Conn is a connection after the handshake. One goroutine may read while another
// writes.
type Conn struct {
	rw      io.ReadWriter
	remote  *btcec.PublicKey
	send    *cipherState
	receive *cipherState
	dead    error // why nothing can be read any more

	// Memory that is used again, so that a message costs none.
	length [2]byte          // of AppendEncrypted
	out    []byte           // of WriteMessage
	header [headerSize]byte // of ReadMessage
	in     []byte           // of ReadMessage
}

func newConn(rw io.ReadWriter, remote *btcec.PublicKey, send, receive *cipherState) *Conn {
	return &Conn{rw: rw, remote: remote, send: send, receive: receive}
}

// Remote is the static key of the other side: its node id.
func (c *Conn) Remote() *btcec.PublicKey { return c.remote }

// AppendEncrypted appends one message as it goes over the wire, so that several
// can be written at once. They must be written in the order in which they were
// encrypted.
func (c *Conn) AppendEncrypted(dst, message []byte) ([]byte, error) {
	if len(message) > MaxMessage {
		return dst, ErrTooLong
	}
	binary.BigEndian.PutUint16(c.length[:], uint16(len(message))) //nolint:gosec // checked
	dst = c.send.seal(dst, c.length[:], nil)
	return c.send.seal(dst, message, nil), nil
}

// WriteMessage writes one message with one Write.
func (c *Conn) WriteMessage(message []byte) error {
	out, err := c.AppendEncrypted(c.out[:0], message)
	if err != nil {
		return err
	}
	c.out = out[:0]
	_, err = c.rw.Write(out)
	return err
}

// ReadMessage reads the next message. It is valid until the next call. After an
// error every further call returns the same one.
func (c *Conn) ReadMessage() ([]byte, error) {
	if c.dead != nil {
		return nil, c.dead
	}
	m, err := c.read()
	c.dead = err
	return m, err
}

func (c *Conn) read() ([]byte, error) {
	if _, err := io.ReadFull(c.rw, c.header[:]); err != nil {
		return nil, err
	}
	length, err := c.receive.open(c.header[:0], c.header[:], nil)
	if err != nil {
		return nil, fmt.Errorf("length: %w", err)
	}
	size := int(binary.BigEndian.Uint16(length)) + macSize
	if cap(c.in) < size {
		c.in = make([]byte, size, size+512)
	}
	body := c.in[:size]
	if _, err := io.ReadFull(c.rw, body); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	m, err := c.receive.open(body[:0], body, nil)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	return m, nil
}

// Package sse sends what a page shows as server-sent events: each time it has changed.
package sse

import (
	"bytes"
	"fmt"
	"net/http"
	"time"
)

// Stream is a page's changes, as server-sent events.
type Stream struct {
	w    http.ResponseWriter
	c    *http.ResponseController
	last []byte
	time time.Duration
}

// To begins a stream whose reader takes each part within a time.
func To(w http.ResponseWriter, within time.Duration) *Stream {
	return &Stream{w: w, c: http.NewResponseController(w), time: within}
}

// Send writes a part of the page, or a comment when it is as it was.
func (s *Stream) Send(part []byte) error {
	var b bytes.Buffer
	if bytes.Equal(part, s.last) {
		b.WriteString(":\n\n")
	} else {
		for line := range bytes.Lines(part) {
			fmt.Fprintf(&b, "data: %s\n", bytes.TrimRight(line, "\r\n"))
		}
		b.WriteString("\n")
		s.last = part
	}
	return s.Flush(b.Bytes())
}

// End says that nothing more will come.
func (s *Stream) End() error { return s.Flush([]byte("event: done\ndata: done\n\n")) }

// Flush writes bytes, and lets them go.
func (s *Stream) Flush(b []byte) error {
	_ = s.c.SetWriteDeadline(time.Now().Add(s.time)) // a recorder has none
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.c.Flush()
}

package compact

import "github.com/leyden-ln/leyden/internal/pay"

// What has ended is mostly complete, and there are millions of them: the empty text says so,
// a time is what it is more than that of the creation, and what was sent what it is more
// than the amount.

// Status is the short form of a status.
func Status(s pay.Status) string {
	if s == pay.Complete {
		return ""
	}
	return string(s)
}

// ReadStatus is the reverse of [Status].
func ReadStatus(s string) pay.Status {
	if s == "" {
		return pay.Complete
	}
	return pay.Status(s)
}

// ReadMore is what the end of something says by how much more it is than what the beginning
// said: of a time in unix seconds, or of an amount; zero: it has not ended.
func ReadMore(status string, than, more int64) uint64 {
	if ReadStatus(status) == pay.Pending {
		return 0
	}
	return uint64(than + more) //nolint:gosec // the bits are those that were stored
}

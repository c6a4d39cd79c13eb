package compact

import "github.com/leyden-ln/leyden/internal/pay"

// What has ended is mostly complete, and there are millions of them: the empty text says so,
// and a time is what it is more than that of the creation.

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

// ReadEnd is when something has ended, in unix seconds, that was created at a time, and so
// many seconds after; zero: it has not.
func ReadEnd(status string, created, after int64) uint64 {
	if ReadStatus(status) == pay.Pending {
		return 0
	}
	return uint64(created + after) //nolint:gosec // the bits are those that were stored
}

package words

import (
	"strconv"
	"strings"
	"time"
)

// Clock is a time for people, in UTC: the server does not know where its reader is.
func (w *Words) Clock(unix uint64) string {
	return time.Unix(int64(unix), 0).UTC().Format(w.Text("time.layout")) //nolint:gosec // from our own rows
}

// Stamp is a time for programs.
func Stamp(unix uint64) string {
	return time.Unix(int64(unix), 0).UTC().Format(time.RFC3339) //nolint:gosec // from our own rows
}

// Milliseconds is a short time, to a tenth of one.
func (w *Words) Milliseconds(d time.Duration) string {
	return w.Decimal(strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64)) + " ms"
}

// Ago is how long ago a time was, or how far away it is, in words.
func (w *Words) Ago(now time.Time, unix uint64) string {
	d := now.Sub(time.Unix(int64(unix), 0)) //nolint:gosec // from our own rows
	if d < 0 {
		return w.lasting("time.in.", -d)
	}
	if d < time.Minute {
		return w.Text("time.now")
	}
	return w.lasting("time.ago.", d)
}

// Lasting is a length of time in its largest unit.
func (w *Words) Lasting(d time.Duration) string { return w.lasting("time.", d) }

func (w *Words) lasting(form string, d time.Duration) string {
	s := uint64(d / time.Second) //nolint:gosec // not negative
	for _, u := range units {
		if n := s / u.seconds; n > 0 {
			return w.Text(form+u.key, n)
		}
	}
	return w.Text(form+"second", 0)
}

// units are those of a length of time, the largest first.
var units = []struct {
	key     string
	seconds uint64
}{{"week", 7 * 24 * 3600}, {"day", 24 * 3600}, {"hour", 3600}, {"minute", 60}, {"second", 1}}

// ReadTime reads a length of time as people write it in this language or in English: "1
// hour", "90 minutes", "2d", "3600".
func (w *Words) ReadTime(s string) (seconds uint64, ok bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	digits := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(s)
	}
	n, err := strconv.ParseUint(s[:digits], 10, 32)
	if err != nil {
		return 0, false
	}
	unit := strings.TrimSpace(s[digits:])
	if unit == "" {
		return n, true
	}
	for _, u := range units {
		if unit == u.key || unit == u.key+"s" || unit == u.key[:1] || unit == u.key[:3] || w.unit("time."+u.key, unit) || w.unit("time."+u.key+".one", unit) {
			return n * u.seconds, true
		}
	}
	return 0, false
}

// unit says whether a word is the one for a unit in the text of a key, or its beginning.
func (w *Words) unit(key, word string) bool {
	_, name, _ := strings.Cut(strings.ToLower(w.texts[key]), " ")
	return len([]rune(word)) >= 3 && strings.HasPrefix(name, word)
}

package office

import (
	"fmt"
	"testing"
)

func TestTheLogIsReadBackwards(t *testing.T) {
	var log []logRow
	for i := range 450 {
		log = append(log, logRow{Type: "INFO", Time: fmt.Sprintf("%d.123456789", i), Log: fmt.Sprint("line ", i)}, logRow{Type: "SKIPPED"})
	}
	last, skip := 450, 0
	for _, want := range []int{200, 200, 50} {
		lines, older := backwards(log, skip)
		if len(lines) != want || (older == 0) != (want == 50) {
			t.Fatalf("%d lines, then %d are left out", len(lines), older)
		}
		for _, l := range lines {
			last--
			if l.Log != fmt.Sprint("line ", last) || l.Time != fmt.Sprintf("%d.123", last) {
				t.Fatalf("%+v is number %d", l, last)
			}
		}
		skip = older
	}
	if lines, older := backwards(nil, 10); len(lines) != 0 || older != 0 {
		t.Error("there are lines in an empty log")
	}
}

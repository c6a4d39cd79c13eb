//go:build !race

package newest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// row is a row of a list that has gaps.
type row struct {
	At   uint64 `json:"at"`
	Good bool   `json:"good"`
}

var rows = List[row]{Command: "listrows", Key: "rows", Index: func(r *row) uint64 { return r.At }}

// list answers as a command does that lists all, and counts how often it was asked.
func list(all []row, asked *int) Ask {
	return func(out any, _ bool, command, status string, start, limit uint64) error {
		*asked++
		if command != "listrows" {
			return errors.New("no such command")
		}
		some := []row{}
		for _, r := range all {
			if r.At >= start && uint64(len(some)) < limit && (status == "" || r.Good == (status == "good")) {
				some = append(some, r)
			}
		}
		raw, err := json.Marshal(map[string]any{"rows": some})
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, out)
	}
}

func TestPagesGoFromTheNewestRowToTheOldest(t *testing.T) {
	var all []row
	for i := uint64(1); i <= 5000; i++ {
		if i%7 != 0 { // deleted ones
			all = append(all, row{i, i%100 == 1})
		}
	}
	for status, want := range map[string]int{"": len(all), "good": len(slices.DeleteFunc(slices.Clone(all), func(r row) bool { return !r.Good }))} {
		asked, before := 0, ""
		var got []row
		for {
			some, next, err := rows.Older(list(all, &asked), status, before, 50)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, some...)
			if next == 0 {
				break
			}
			before = fmt.Sprint(next)
		}
		if len(got) != want || got[0].At < got[len(got)-1].At || !slices.IsSortedFunc(got, func(a, b row) int { return int(b.At) - int(a.At) }) {
			t.Errorf("%d rows of %q, not %d", len(got), status, want)
		}
	}
	asked := 0
	if _, _, err := rows.Older(list(all, &asked), "", "", 50); err != nil || asked > 30 {
		t.Errorf("the first page asked %d times: %v", asked, err)
	}
	if none, next, err := rows.Older(list(nil, &asked), "", "", 50); len(none) != 0 || next != 0 || err != nil {
		t.Errorf("an empty list: %v, %d, %v", none, next, err)
	}
	if _, _, err := (List[row]{Command: "other"}).Older(list(all, &asked), "", "", 50); err == nil {
		t.Error("a refusal is no error")
	}
}

package office

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/web/grants"
)

// runeRow is what the pages show of a rune: not the rune itself.
type runeRow struct {
	ID       string   `json:"unique_id"`
	Limits   []limits `json:"restrictions"`
	LastUsed float64  `json:"last_used"`
	Revoked  bool     `json:"blacklisted"`
}

// At is when it was last used, in unix seconds; 0: never.
func (r *runeRow) At() uint64 { return uint64(max(r.LastUsed, 0)) }

// pageRunes is the runes, and one that somebody wants to make.
type pageRunes struct {
	grants.Grant
	For          string // how long it can be used, in words
	Whats        []string
	Runes        []runeRow // the newest first
	Left         int       // how many are not shown
	Made, MadeID string    // shown once
	Wrong        *Fault
}

// mostRunes is how many one page shows.
const mostRunes = 200

// Runes shows the runes that were made, and the form of a new one.
func Runes(v Visit) error {
	return showRunes(v, 200, pageRunes{Grant: grants.Grant{What: grants.Whats[0]}})
}

func showRunes(v Visit, status int, page pageRunes) error {
	var found struct{ Runes []runeRow }
	if err := v.Run(&found, "showrunes"); err != nil {
		return err
	}
	slices.Reverse(found.Runes)
	page.Runes, page.Whats = found.Runes[:min(len(found.Runes), mostRunes)], grants.Whats
	page.Left = len(found.Runes) - len(page.Runes)
	return v.Show(status, "runes", page)
}

// MakeRune makes one, and shows it once.
func MakeRune(v Visit) error {
	page := pageRunes{
		Grant: grants.Grant{What: v.Field("what"), Commands: v.Field("commands"), Peer: v.Field("peer"), Rate: v.Field("rate")}, For: v.Field("for"),
	}
	if page.For != "" {
		seconds, ok := v.Words().ReadTime(page.For)
		if !ok {
			page.Wrong = Say(v.Text("receive.expiry.wrong"))
			return showRunes(v, 422, page)
		}
		page.Until = uint64(time.Now().Unix()) + seconds //nolint:gosec // not negative
	}
	restrictions, err := page.Restrictions()
	for why, said := range map[error]string{
		grants.ErrWhat: v.Text("runes.wrong.what"), grants.ErrCommands: v.Text("runes.wrong.commands"), grants.ErrPeer: v.Text("runes.wrong.peer"),
		grants.ErrRate: v.Text("runes.wrong.rate"),
	} {
		if errors.Is(err, why) {
			page.Wrong = Say(said)
		}
	}
	if page.What == grants.Some && page.Wrong == nil {
		for _, name := range grants.Names(page.Commands) {
			if _, known := api.Find(name); !known {
				page.Wrong = Say(v.Text("runes.wrong.command", name))
			}
		}
	}
	var made struct {
		Rune string
		ID   string `json:"unique_id"`
	}
	if page.Wrong == nil {
		if err = v.Run(&made, "createrune", "restrictions", restrictions); err != nil {
			page.Wrong = Reason(err)
		}
	}
	if page.Wrong != nil {
		return showRunes(v, 422, page)
	}
	return showRunes(v, 200, pageRunes{Grant: grants.Grant{What: grants.Whats[0]}, Made: made.Rune, MadeID: made.ID})
}

// RevokeRune revokes a rune, or takes that back.
func RevokeRune(v Visit) error {
	id := v.Field("id")
	if _, err := strconv.ParseUint(id, 10, 62); err != nil {
		return ErrNotFound
	}
	args := []string{"start", id}
	if v.Field("back") == "yes" {
		args = append(args, "relist", "true")
	}
	if err := v.Run(nil, "blacklistrune", args...); err != nil {
		return showRunes(v, 422, pageRunes{Grant: grants.Grant{What: grants.Whats[0]}, Wrong: Reason(err)})
	}
	return v.See("/settings/runes")
}

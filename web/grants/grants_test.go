//go:build !race

package grants

import (
	"errors"
	"strings"
	"testing"
)

func TestAChoiceIsSaidInRestrictions(t *testing.T) {
	peer := strings.Repeat("02", 33)
	for _, c := range []struct {
		g    Grant
		want string
	}{
		{Grant{What: All}, `[]`},
		{Grant{What: Look}, `[["method^list","method^get","method=summary"],["method/listdatastore"]]`},
		{Grant{What: Some, Commands: " pay,\n decode "}, `[["method=pay","method=decode"]]`},
		{Grant{What: All, Peer: strings.ToUpper(peer), Rate: "60", Until: 1_800_000_000}, `[["id=` + peer + `"],["rate=60"],["time<1800000000"]]`},
		{
			Grant{What: Invoices, Rate: "1"},
			`[["method=invoice","method=listinvoices","method=searchinvoices","method=waitinvoice","method=waitanyinvoice"],["rate=1"]]`,
		},
	} {
		if got, err := c.g.Restrictions(); got != c.want || err != nil {
			t.Errorf("%+v says %s, not %s (%v)", c.g, got, c.want, err)
		}
	}
}

func TestAWrongChoiceAllowsNothing(t *testing.T) {
	for _, c := range []struct {
		g    Grant
		want error
	}{
		{Grant{}, ErrWhat},
		{Grant{What: "everything"}, ErrWhat},
		{Grant{What: Some}, ErrCommands},
		{Grant{What: Some, Commands: ", ,"}, ErrCommands},
		{Grant{What: Some, Commands: "pay|method^"}, ErrCommands},
		{Grant{What: Look, Peer: "02"}, ErrPeer},
		{Grant{What: Look, Peer: strings.Repeat("0x", 33)}, ErrPeer},
		{Grant{What: Look, Rate: "0"}, ErrRate},
		{Grant{What: Look, Rate: "many"}, ErrRate},
		{Grant{What: Look, Rate: "-1"}, ErrRate},
	} {
		if got, err := c.g.Restrictions(); got != "" || !errors.Is(err, c.want) {
			t.Errorf("%+v says %q (%v)", c.g, got, err)
		}
	}
}

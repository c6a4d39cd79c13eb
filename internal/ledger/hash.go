package ledger

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/asset"
)

// Hash is Omni Core's consensus hash of the state (omni_getcurrentconsensushash), so far
// as no exchange was used, whose offers it has too, and nobody holds OMN that came from the
// developers' share, which grows with each block's time: SHA256 over lines of balances by
// address and property, of open crowdsales, and of properties with their issuers, nothing
// between them. It prints as theirs does.
func (l *Ledger) Hash() chainhash.Hash {
	var b strings.Builder
	l.writeBalances(&b, func(amount.Property) bool { return true })
	sales := slices.SortedFunc(maps.Values(l.state.Crowdsales()), func(a, b asset.Crowdsale) int { return cmp.Compare(a.Property, b.Property) })
	for _, s := range sales {
		fmt.Fprintf(&b, "%d|%d|%d|%d|%d", s.Property, s.Desired, s.Deadline, s.ForUsers, s.ForIssuer)
	}
	properties := l.state.Properties()
	for _, id := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&b, "%d|%s", id, properties[id].Issuer)
	}
	return sha256.Sum256([]byte(b.String()))
}

// BalancesHash is Omni Core's hash of one property's balances (omni_getbalanceshash).
func (l *Ledger) BalancesHash(property amount.Property) chainhash.Hash {
	var b strings.Builder
	l.writeBalances(&b, func(p amount.Property) bool { return p == property })
	return sha256.Sum256([]byte(b.String()))
}

// writeBalances writes a line for each balance: what is spendable, then what is reserved
// for offers of two kinds and for accepts.
func (l *Ledger) writeBalances(b *strings.Builder, of func(amount.Property) bool) {
	balances := l.state.Balances()
	keys := slices.SortedFunc(maps.Keys(balances), func(a, b asset.Key) int {
		return cmp.Or(strings.Compare(a.Address, b.Address), cmp.Compare(a.Property, b.Property))
	})
	for _, k := range keys {
		if of(k.Property) {
			fmt.Fprintf(b, "%s|%d|%d|0|0|0", k.Address, k.Property, balances[k])
		}
	}
}

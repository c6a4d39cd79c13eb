package rate

import "github.com/leyden-ln/leyden/amount"

// maxOlder is how many older rates of a property are honoured.
const maxOlder = 8

// Rates are the rates of a node, by property. The zero value has none. Times are unix
// seconds.
type Rates struct {
	of map[amount.Property]history
}

type history struct {
	now   Rate
	older []old // the newest first
}

type old struct {
	rate  Rate
	until uint64
}

// Set changes the rate of a property. The one before holds beside it until a time.
func (r *Rates) Set(rate Rate, until uint64) {
	if r.of == nil {
		r.of = map[amount.Property]history{}
	}
	h := r.of[rate.Property]
	if h.now != (Rate{}) {
		older := append([]old{{h.now, until}}, h.older...)
		h.older = older[:min(len(older), maxOlder)]
	}
	h.now = rate
	r.of[rate.Property] = h
}

// At are the rates of a property at a time, that of now first; none of them is one at
// which nothing is exchanged.
func (r *Rates) At(property amount.Property, now uint64) (rates []Rate) {
	h := r.of[property]
	if !h.now.None() {
		rates = append(rates, h.now)
	}
	for _, o := range h.older {
		if now < o.until && !o.rate.None() {
			rates = append(rates, o.rate)
		}
	}
	return rates
}

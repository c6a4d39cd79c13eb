// Package recall has the keys of commitments derived once, for tests and the simulation:
// there both sides of every channel are in one process, and the same commitments are
// made again and again. To derive them costs more than a payment.
package recall

import (
	"sync"

	"github.com/leyden-ln/leyden/bolt/script"
)

// most is how many keys are kept.
const most = 20_000

// Keys has them kept from now on. It is called before anything is built.
func Keys() {
	var mu sync.Mutex
	known := map[script.Derivation]script.Keys{}
	script.Recall = func(d script.Derivation, derive func() (script.Keys, error)) (script.Keys, error) {
		mu.Lock()
		k, ok := known[d]
		mu.Unlock()
		if ok {
			return k, nil
		}
		k, err := derive()
		if err != nil {
			return k, err
		}
		mu.Lock()
		defer mu.Unlock()
		if len(known) >= most {
			clear(known)
		}
		known[d] = k
		return k, nil
	}
}

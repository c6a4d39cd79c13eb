//go:build !race

package channel

import (
	"errors"
	"reflect"
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
)

func TestRowsThatContradictEachOtherAreNotLoaded(t *testing.T) {
	for name, change := range map[string]func(*Rows){
		"signed two ahead of the revocations":  func(r *Rows) { r.State.Signed = r.State.Revoked + 2 },
		"revoked what was not signed":          func(r *Rows) { r.State.Signed = r.State.Revoked - 1 },
		"a secret less than revocations":       func(r *Rows) { r.State.Revoked, r.State.Signed = r.State.Revoked+1, r.State.Signed+1 },
		"a bucket that cannot hold its secret": func(r *Rows) { r.Secrets[0].Bucket = 48 },
		"another commitment than was received": func(r *Rows) { r.Commitment.Number++ },
		"no feerate":                           func(r *Rows) { r.State.FeeIrrevocable = 0 },
		"state of another channel":             func(r *Rows) { r.State.Channel[0]++ },
		"more than there is":                   func(r *Rows) { r.State.ToLocal = r.Params.Capacity.Msat() + 1 },
	} {
		p := ready(t, usual())
		p.fulfillNext()
		p.disconnect()
		r := p.a.disk.load()
		if _, err := Load(r); err != nil {
			t.Fatal(err)
		}
		change(&r)
		if _, err := Load(r); !errors.Is(err, errRows) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHTLCsThatAreDoneAreNotLoaded(t *testing.T) {
	p := ready(t, usual())
	p.fulfillNext()
	p.disconnect()
	r := p.a.disk.load()
	want, err := Load(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range p.a.disk.htlcs {
		r.HTLCs = append(r.HTLCs, h)
	}
	if len(r.HTLCs) == 0 {
		t.Fatal("no HTLC was done")
	}
	if got, err := Load(r); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v", err)
	}
}

func TestAReorgDoesNotForgetWhyTheChannelFailed(t *testing.T) {
	p := ready(t, usual())
	if err := p.a.ch.Receive(&wire.Error{ChannelID: p.a.ch.ID(), Data: []byte("no")}, verifier{}); err != nil {
		t.Fatal(err)
	}
	p.take(p.a)
	why := p.a.ch.status.Failure
	p.a.ch.SpentOnChain()
	p.a.ch.Unspent()
	p.take(p.a)
	if got := p.a.ch.status.Failure; why == "" || got != why {
		t.Errorf("%q, was %q", got, why)
	}
}

func TestAFeerateWithinTheBoundsIsTaken(t *testing.T) {
	for fee, ok := range map[uint32]bool{499: false, 500: true, 1500: true, 1501: false} {
		p := ready(t, usual())
		p.b.ch.SetFeeBounds(FeeBounds{Low: 500, High: 1500})
		err := p.b.ch.Receive(&wire.UpdateFee{ChannelID: p.a.ch.ID(), FeeratePerKw: fee}, verifier{})
		if (err == nil) != ok {
			t.Errorf("%d: %v", fee, err)
		}
	}
}

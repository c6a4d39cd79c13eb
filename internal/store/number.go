package store

import (
	"context"
	"encoding/binary"
)

// NumberFact is a fact that is a number.
func NumberFact(name string, v uint64) Fact {
	return Fact{Name: name, Value: binary.BigEndian.AppendUint64(nil, v)}
}

// Facts reads facts, as [Store] does.
type Facts interface {
	Fact(ctx context.Context, name string) ([]byte, bool, error)
}

// Number reads a fact that is a number; false: there is none.
func Number(ctx context.Context, f Facts, name string) (uint64, bool, error) {
	b, ok, err := f.Fact(ctx, name)
	if err != nil || !ok || len(b) != 8 {
		return 0, false, err
	}
	return binary.BigEndian.Uint64(b), true, nil
}

package command

import "context"

type restricted struct{}

// Restrict marks a call that a rune with restrictions permits.
func Restrict(ctx context.Context) context.Context {
	return context.WithValue(ctx, restricted{}, true)
}

// Restricted says whether a rune with restrictions permits this call: it must not
// gain what its rune does not give.
func Restricted(ctx context.Context) bool { return ctx.Value(restricted{}) != nil }

package command

import "context"

type restricted struct{}

// Restrict marks a call that a rune with restrictions permits; may says whether the rune
// would permit another command as well.
func Restrict(ctx context.Context, may func(method string) bool) context.Context {
	return context.WithValue(ctx, restricted{}, may)
}

// Restricted says whether a rune with restrictions permits this call: it must not
// gain what its rune does not give.
func Restricted(ctx context.Context) bool { return ctx.Value(restricted{}) != nil }

// May says whether who gives this command may give another one, without parameters.
func May(ctx context.Context, method string) bool {
	may, ok := ctx.Value(restricted{}).(func(string) bool)
	return !ok || may(method)
}

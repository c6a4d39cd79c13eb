package command

import "context"

// Client is who gave a command, over a connection on which it can be told of what
// happens meanwhile.
type Client interface {
	// Enable says whether the connection wants notifications.
	Enable(on bool)
	// Enabled says whether it does.
	Enabled() bool
	// Notify sends one about the command; nothing, unless they are enabled.
	Notify(method string, params map[string]any)
}

type client struct{}

// WithClient gives a command the one who gave it.
func WithClient(ctx context.Context, c Client) context.Context {
	return context.WithValue(ctx, client{}, c)
}

// ClientOf is who gave a command; nil when they cannot be told anything.
func ClientOf(ctx context.Context) Client {
	c, _ := ctx.Value(client{}).(Client)
	return c
}

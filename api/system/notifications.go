package system

import (
	"context"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/node"
)

type notificationsRequest struct {
	Enable bool `json:"enable" doc:"whether this connection wants them"`
}

func notifications(ctx context.Context, _ *node.Node, r notificationsRequest) (command.None, error) {
	c := command.ClientOf(ctx)
	if c == nil {
		return command.None{}, command.Refuse(command.Failed, "notifications come over the JSON-RPC socket only")
	}
	c.Enable(r.Enable)
	return command.None{}, nil
}

var notificationCommands = []command.Command{
	command.Define(command.Spec{
		Name: "notifications", Group: "node", Short: "be told how commands get on",
		Long: "Switches notifications on or off for this connection to the JSON-RPC socket; they are off at first. A notification is an " +
			"object without `id` that comes before the answer of the command whose id is in its `params`. Its method is `message`, with " +
			"`level` and `message`: so `pay`, `xpay`, `keysend` and `xkeysend` tell of each step of the payment.",
		Errors: []command.Code{command.Failed}, Examples: []string{"notifications true"},
	}, notifications),
}

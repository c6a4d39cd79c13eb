package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/leyden-ln/leyden/api"
)

// assetCommands are the commands of tokens under the names that they have after
// "leyden asset".
var assetCommands = []struct{ name, command string }{
	{"issue", "assetissue"}, {"grant", "assetgrant"}, {"list", "listassets"}, {"balance", "assetbalance"}, {"send", "assetsend"},
	{"transactions", "listassettransactions"}, {"setrate", "setassetrate"}, {"rates", "listassetrates"}, {"offers", "listassetoffers"}, {"channels", "listassetchannels"},
}

// assetCommand has the commands of tokens below it.
func assetCommand(at *place) *cobra.Command {
	c := &cobra.Command{Use: "asset", Short: "tokens of the Omni Layer: issue, grant, list, balance, send, transactions, setrate, rates, offers, channels"}
	for _, a := range assetCommands {
		command, ok := api.Find(a.command)
		if !ok {
			panic("asset " + a.name + ": there is no command " + a.command)
		}
		below := rpcCommand(*command, at)
		below.Use = a.name + strings.TrimPrefix(command.Usage(), command.Name)
		c.AddCommand(below)
	}
	return c
}

package api

import (
	"fmt"

	btcaddress "github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/leyden-ln/leyden/node"
)

// chains are the networks by name, for their addresses.
var chains = map[string]*chaincfg.Params{
	chaincfg.MainNetParams.Name:       &chaincfg.MainNetParams,
	chaincfg.TestNet4Params.Name:      &chaincfg.TestNet4Params,
	chaincfg.SigNetParams.Name:        &chaincfg.SigNetParams,
	chaincfg.RegressionNetParams.Name: &chaincfg.RegressionNetParams,
}

// scriptOf is the output script of an address of the node's network.
func scriptOf(n *node.Node, text string) ([]byte, error) {
	params := chains[n.Network()]
	a, err := btcaddress.DecodeAddress(text, params)
	if err != nil {
		return nil, fmt.Errorf("%q is not an address: %w", clip([]byte(text)), err)
	}
	if !a.IsForNet(params) {
		return nil, fmt.Errorf("%q is an address of another network, not of %s", clip([]byte(text)), n.Network())
	}
	return txscript.PayToAddrScript(a)
}

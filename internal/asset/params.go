package asset

import (
	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/omni"
)

// Params are the rules of one chain.
type Params struct {
	Network bolt11.Network
	// Exodus is the address that marks the older classes of transactions and issued OMN
	// and TOMN. Without it, on a chain of one's own, nobody can buy any and there are no
	// older classes.
	Exodus string
	// Activators are the addresses whose messages change the rules.
	Activators []string
	// FreezeWait is how many blocks before it works that freezing is enabled, once the
	// feature freezeNotice is live.
	FreezeWait uint32
	// Start are the balances before the first block.
	Start []Balance

	heights [features]uint32
}

// Balance is what an address has of a property.
type Balance struct {
	Key
	Units amount.Units
}

// Key is an address with a property.
type Key struct {
	Address  string
	Property amount.Property
}

// feature is what is live from a height on.
type feature int

const (
	genesis feature = iota // nothing before it counts
	scriptHash
	nullData
	witnessV0
	witnessV1
	send
	issuance
	managed
	sendToOwners
	sendToOwnersV1
	sendAll
	sendToMany
	delegates
	nonFungible
	nonFungibleIssuer
	grantsWithoutEffects
	noCrossover
	freezeNotice
	features int = iota
)

// never is the height that Omni Core has for what is not decided. It is a height like
// another.
const never = 999_999

// activation has the heights of Omni Core's rules.cpp: mainnet, testnet, regtest.
var activation = [features][3]uint32{
	genesis:              {249_498, 263_000, 101},
	scriptHash:           {322_000, 0, 0},
	nullData:             {395_000, 0, 0},
	witnessV0:            {never, 0, 0},
	witnessV1:            {never, 0, 0},
	send:                 {249_498, 0, 0},
	issuance:             {297_110, 0, 0},
	managed:              {323_230, 0, 0},
	sendToOwners:         {342_650, 0, 0},
	sendToOwnersV1:       {never, 0, never},
	sendAll:              {395_000, 0, 0},
	sendToMany:           {never, 0, 0},
	delegates:            {never, 0, 0},
	nonFungible:          {never, 0, 0},
	nonFungibleIssuer:    {never, 0, never},
	grantsWithoutEffects: {394_500, 0, never},
	noCrossover:          {395_000, 0, never},
	freezeNotice:         {never, 0, never},
}

// The types of transactions that are executed.
const (
	typeSendToOwners    = 3
	typeSendAll         = 4
	typeFixed           = 50
	typeCrowdsale       = 51
	typeCloseCrowdsale  = 53
	typeManaged         = 54
	typeGrant           = 55
	typeRevoke          = 56
	typeChangeIssuer    = 70
	typeEnableFreezing  = 71
	typeDisableFreezing = 72
	typeAddDelegate     = 73
	typeRemoveDelegate  = 74
	typeFreeze          = 185
	typeUnfreeze        = 186
	typeDeactivation    = 65533
	typeActivation      = 65534
)

// kind is a type of transactions in one version.
type kind struct{ typ, version uint16 }

// allowed says since when the main ecosystem has each type. The test ecosystem has all
// at any height.
var allowed = map[kind]feature{
	{omni.TypeSimpleSend, 0}: send,
	{typeSendToOwners, 0}:    sendToOwners,
	{typeSendToOwners, 1}:    sendToOwnersV1,
	{typeSendAll, 0}:         sendAll,
	{omni.TypeSendToMany, 0}: sendToMany,
	{typeFixed, 0}:           issuance,
	{typeCrowdsale, 0}:       issuance,
	{typeCrowdsale, 1}:       issuance,
	{typeCloseCrowdsale, 0}:  issuance,
	{typeManaged, 0}:         managed,
	{typeGrant, 0}:           managed,
	{typeRevoke, 0}:          managed,
	{typeChangeIssuer, 0}:    managed,
	{typeEnableFreezing, 0}:  managed,
	{typeDisableFreezing, 0}: managed,
	{typeFreeze, 0}:          managed,
	{typeUnfreeze, 0}:        managed,
	{typeAddDelegate, 0}:     delegates,
	{typeRemoveDelegate, 0}:  delegates,
}

// The addresses by which Omni's developers change the rules on mainnet (activation.cpp).
var activators = []string{"3Fc5gWzEQh1YGeqVXH6E4GDEGgbZJREJQ3", "33jx18123xJS59hnHwCgsr6zvYPfiCussh"}

// Mainnet, Testnet and Regtest are the rules of Omni Core.
func Mainnet() *Params {
	return table(0, Params{
		Network: bolt11.Mainnet, FreezeWait: 4096, Activators: activators,
		Exodus: "1EXoDusjGwvnjZUyKkxZ4UHEf77z6A5S4P",
	})
}

// Testnet is like [Mainnet].
func Testnet() *Params {
	return table(1, Params{
		Network: bolt11.Testnet,
		Exodus:  "mpexoDuSkGGqvqrkrjiFng38QPkJQVFyqv",
	})
}

// Regtest is like [Mainnet].
func Regtest() *Params {
	return table(2, Params{
		Network: bolt11.Regtest, FreezeWait: 10,
		Exodus: "mpexoDuSkGGqvqrkrjiFng38QPkJQVFyqv",
	})
}

func table(chain int, p Params) *Params {
	for f, heights := range activation {
		p.heights[f] = heights[chain]
	}
	return &p
}

// live says whether a feature is, at a height.
func (p *Params) live(f feature, height uint32) bool { return height >= p.heights[f] }

// SendToMany says whether send-to-many moves a property at a height.
func (p *Params) SendToMany(property amount.Property, height uint32) bool {
	return p.permits(kind{omni.TypeSendToMany, 0}, property, height)
}

// permits says whether a type may move a property at a height. For a type that names an
// ecosystem, property is that.
func (p *Params) permits(k kind, property amount.Property, height uint32) bool {
	f, known := allowed[k]
	return known && property != 0 && (testEcosystem(property) || p.live(f, height))
}

// The properties that are there from the start, and the first of the test ecosystem that
// anyone issued. An ecosystem has the number of its first property.
const (
	OMN       amount.Property = 1
	TOMN      amount.Property = 2
	firstMain amount.Property = 3
	firstTest amount.Property = 0x80000003
)

func testEcosystem(p amount.Property) bool { return p == TOMN || p >= firstTest }

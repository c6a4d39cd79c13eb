// Package omni writes the payloads by which a transaction moves tokens of the Omni Layer,
// and the output that carries them (class C). Channels and wallets make transactions with
// it; what a payload does to balances is in package asset.
//
// Amounts are in whole units, numbers are big-endian. What Omni Core would not execute, or
// not survive, is not written.
//
// Source: src/omnicore/createpayload.cpp of github.com/OmniLayer/omnicore.
package omni

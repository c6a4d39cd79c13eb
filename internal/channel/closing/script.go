package closing

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/omni"
)

// Forms says which kinds of shutdown script the two nodes negotiated beyond
// P2WPKH and P2WSH.
type Forms struct {
	AnySegwit   bool // option_shutdown_anysegwit
	SimpleClose bool // option_simple_close
	Tokens      bool // the channel has tokens: only what can have some under all rules of the Omni Layer
}

// ErrScript is a scriptpubkey that a shutdown must not name.
var ErrScript = errors.New("shutdown script has no allowed form: use P2WPKH, P2WSH or, where both nodes support it, a later segwit version")

// ErrTokenScript is a scriptpubkey that cannot have a channel's tokens. It is an
// [ErrScript].
var ErrTokenScript = fmt.Errorf("%w; where there are tokens use P2SH, such as newaddr p2sh-segwit, or P2PKH", ErrScript)

// CheckOurs tells whether a shutdown of ours may name script (BOLT 2, "Closing
// Initiation: `shutdown`"). Error: [ErrScript].
func CheckOurs(script []byte, f Forms) error {
	switch {
	// The transaction would give no tokens to anybody: all of them would stay where only
	// both sides together can move them.
	case f.Tokens && omni.Exodus(script):
		return ErrTokenScript
	case f.Tokens && (txscript.IsPayToPubKeyHash(script) || txscript.IsPayToScriptHash(script)):
		return nil
	case f.Tokens:
		return ErrTokenScript
	case txscript.IsPayToWitnessPubKeyHash(script), txscript.IsPayToWitnessScriptHash(script):
		return nil
	case f.AnySegwit && isLaterSegwit(script):
		return nil
	case f.SimpleClose && isData(script):
		return nil
	}
	return ErrScript
}

// CheckTheirs tells whether we close to the script that a peer names. Beyond
// the forms of [CheckOurs] it allows P2PKH and P2SH.
// Error: [ErrScript], to be answered by a warning.
//
// BOLT 2: "old nodes may send non-segwit scripts, which may be accepted for
// backwards-compatibility (with a caveat to force-close if this output doesn't
// meet dust relay requirements)."
func CheckTheirs(script []byte, f Forms) error {
	if !f.Tokens && (txscript.IsPayToPubKeyHash(script) || txscript.IsPayToScriptHash(script)) {
		return nil
	}
	return CheckOurs(script, f)
}

// BOLT 2: "`OP_1` through `OP_16` inclusive, followed by a single push of 2 to 40 bytes"
func isLaterSegwit(script []byte) bool {
	return len(script) >= 4 && len(script) <= 42 &&
		script[0] >= txscript.OP_1 && script[0] <= txscript.OP_16 &&
		int(script[1]) == len(script)-2
}

// isData recognises an OP_RETURN with one push.
//
// BOLT 2: "`6` to `75` inclusive followed by exactly that many bytes"
//
// BOLT 2: "`76` followed by `76` to `80` followed by exactly that many bytes"
func isData(script []byte) bool {
	if len(script) < 3 || script[0] != txscript.OP_RETURN {
		return false
	}
	push, rest := int(script[1]), script[2:]
	if push == txscript.OP_PUSHDATA1 {
		size := int(rest[0])
		return size >= 76 && size <= 80 && len(rest)-1 == size
	}
	return push >= 6 && push <= 75 && len(rest) == push
}

// DustThreshold is the value in satoshi below which nodes of the bitcoin
// network do not relay an output to script (BOLT 3, "Dust Limits").
func DustThreshold(script []byte) amount.Satoshi {
	switch {
	case txscript.IsPayToPubKeyHash(script):
		return 546
	case txscript.IsPayToScriptHash(script):
		return 540
	case txscript.IsPayToWitnessPubKeyHash(script):
		return 294
	case txscript.IsPayToWitnessScriptHash(script):
		return 330
	case len(script) > 0 && script[0] == txscript.OP_RETURN:
		return 0
	}
	return 354
}

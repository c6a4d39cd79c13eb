package bolt11

import (
	"crypto/sha256"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2/ecdsa"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// digest is what is signed: the prefix and amount as text, then the fields.
func digest(hrp string, fields []byte) [32]byte {
	return sha256.Sum256(append([]byte(hrp), packed(fields)...))
}

// readSignature checks the signature with the payee's key if the invoice names it,
// or else finds out whose it is.
func (inv *Invoice) readSignature(hash [32]byte, data []byte) error {
	b := packed(data)
	inv.Signature, inv.RecoveryID = wire.Signature(b[:64]), b[64]
	if inv.Payee == (wire.NodeID{}) {
		// BOLT 11: "MUST perform ECDSA public-key recovery and accept both high-S
		// and low-S signatures."
		var err error
		inv.Payee, err = recoverPayee(hash, inv.Signature, inv.RecoveryID)
		return err
	}
	key, err := inv.Payee.Key()
	if err != nil {
		return fmt.Errorf("%w (%w)", ErrSignature, err)
	}
	sig, err := inv.Signature.ECDSA()
	if err != nil {
		return fmt.Errorf("%w (%w)", ErrSignature, err)
	}
	// BOLT 11: "If the signature is not compliant with the low-S standard
	// rule<sup>[low-S](https://github.com/bitcoin/bitcoin/pull/6769)</sup>: - MUST
	// fail the payment"
	if s := sig.S(); s.IsOverHalfOrder() {
		return fmt.Errorf("%w: it has the higher of two values for s", ErrSignature)
	}
	if !sig.Verify(hash[:], key) {
		return fmt.Errorf("%w: it is not of node %v", ErrSignature, inv.Payee)
	}
	return nil
}

// compactHeader is what btcec adds to a recovery id in a compact signature for a
// compressed key.
const compactHeader = 27 + 4

const maxRecoveryID = 3

func recoverPayee(hash [32]byte, sig wire.Signature, id byte) (wire.NodeID, error) {
	if id > maxRecoveryID {
		return wire.NodeID{}, fmt.Errorf("%w: its recovery id is %d, not 0 to %d", ErrSignature, id, maxRecoveryID)
	}
	key, _, err := ecdsa.RecoverCompact(append([]byte{compactHeader + id}, sig[:]...), hash[:])
	if err != nil {
		return wire.NodeID{}, fmt.Errorf("%w (%w)", ErrSignature, err)
	}
	return wire.PointOf(key), nil
}

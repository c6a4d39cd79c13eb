package open

import (
	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/closing"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/durable"
)

// Config is what a side brings into the conversation.
type Config struct {
	Policy       Policy
	Chain        chainhash.Hash
	Peer         wire.NodeID
	Ours, Theirs wire.Features // of both init messages
	KeyIndex     uint32        // of Signer's keys; never used before
	Signer       channel.Signer
	Script       []byte              // where our money goes in a mutual close
	Upfront      bool                // commit to Script by upfront_shutdown_script
	Alias        wire.ShortChannelID // ours in channel_ready; zero: none. Needed when option_scid_alias is negotiated
	TrustPeer    bool                // we take the peer's unconfirmed funding for good (option_zeroconf)
	Private      bool                // a channel with tokens that the peer opens is not announced
	Receivers    uint8               // outputs with tokens that a commitment may have as far as we are concerned ([script.Receivers]); less than [script.MinReceivers]: that
}

// both tells whether a feature was negotiated.
func (c *Config) both(b wire.FeatureBit) bool { return c.Ours.Has(b) && c.Theirs.Has(b) }

func (c *Config) forms(tokens bool) closing.Forms {
	return closing.Forms{AnySegwit: c.both(wire.ShutdownAnySegwit), SimpleClose: c.both(wire.SimpleClose), Tokens: tokens}
}

// upfront is what upfront_shutdown_script says: a TLV that is always there.
//
// BOLT 2: "MUST include `upfront_shutdown_script` with either a valid
// `shutdown_scriptpubkey` as required by `shutdown` `scriptpubkey`, or a
// zero-length `shutdown_scriptpubkey`"
func (c *Config) upfront() []byte {
	if c.Upfront {
		return c.Script
	}
	return []byte{}
}

// Done is the end of the conversation, seen when the channel's rows are durable.
type Done struct {
	Channel *channel.Channel
	Send    []wire.Message // before what the channel itself has to send
}

// Result joins the conversation's end with the channel's first outcome.
type Result = durable.Both[Done, channel.Visible]

// terms is what the two sides agreed on so far.
type terms struct {
	cfg      Config
	params   channel.ParamsRow
	push     amount.MilliSatoshi
	feePerKw uint32
	remote   wire.Point // their first_per_commitment_point
	asset    *Asset     // nil: bitcoin only
}

// peer takes the side that is not ours, checked.
func (t *terms) peer(keys script.Basepoints, first wire.Point, l channel.Limits, upfront []byte) error {
	for name, p := range map[string]wire.Point{
		"funding_pubkey": keys.Funding, "revocation_basepoint": keys.Revocation, "payment_basepoint": keys.Payment,
		"delayed_payment_basepoint": keys.DelayedPayment, "htlc_basepoint": keys.HTLC, "first_per_commitment_point": first,
	} {
		if _, err := p.Key(); err != nil {
			return refusef("%s is not a point of secp256k1", name)
		}
	}
	if len(upfront) > 0 {
		if err := closing.CheckTheirs(upfront, t.cfg.forms(t.asset != nil)); err != nil {
			return refusef("upfront_shutdown_script: %v", err)
		}
		t.params.RemoteUpfront = upfront
	}
	t.params.RemoteKeys, t.params.RemoteLimits, t.remote = keys, l, first
	return nil
}

// balances at the start.
func (t *terms) balances() (local, remote amount.MilliSatoshi) {
	opener := t.params.Capacity.Msat() - t.push
	if t.params.LocalIsOpener {
		return opener, t.push
	}
	return t.push, opener
}

// first builds commitment number 0 of a side.
func (t *terms) first(broadcaster dance.Side) (*script.Commitment, error) {
	p := &t.params
	local, remote := t.loads()
	s := script.Params{
		Format: p.Format, Funding: p.Funding, Capacity: p.Capacity,
		Broadcaster: p.LocalKeys, Countersignatory: p.RemoteKeys, BroadcasterIsOpener: p.LocalIsOpener,
		ToSelfDelay: p.RemoteLimits.ToSelfDelay, DustLimit: p.LocalLimits.DustLimit,
		Property: p.Property, Tokens: p.Tokens,
	}
	point := t.remote
	if broadcaster == dance.Local {
		point = t.cfg.Signer.PerCommitmentPoint(0)
	} else {
		s.Broadcaster, s.Countersignatory, s.BroadcasterIsOpener = p.RemoteKeys, p.LocalKeys, !p.LocalIsOpener
		s.ToSelfDelay, s.DustLimit = p.LocalLimits.ToSelfDelay, p.RemoteLimits.DustLimit
		local, remote = remote, local
	}
	return script.Build(&s, point, script.Spec{
		FeePerKw: t.feePerKw, ToBroadcaster: local.Msat, ToCountersignatory: remote.Msat,
		TokensToBroadcaster: local.Tokens, TokensToCountersignatory: remote.Tokens,
	})
}

// fund names the channel by its funding output.
func (t *terms) fund(at btcwire.OutPoint) {
	t.params.Funding, t.params.Channel = at, script.ChannelID(at)
}

// sign signs the peer's first commitment.
func (t *terms) sign() (channel.Signatures, error) {
	c, err := t.first(dance.Remote)
	if err != nil {
		return channel.Signatures{}, refusef("your first commitment transaction cannot be built: %v", err)
	}
	return t.cfg.Signer.SignCommitment(c)
}

// verify checks the peer's signature on our first commitment.
//
// BOLT 2: "if `signature` is incorrect OR non-compliant with LOW-S-standard
// rule...MUST send a `warning` and close the connection, or send an `error` and
// fail the channel."
func (t *terms) verify(sigs channel.Signatures, v channel.Verifier) error {
	c, err := t.first(dance.Local)
	if err != nil {
		return refusef("our first commitment transaction cannot be built: %v", err)
	}
	if want := len(c.Delays()); len(sigs.DelaySignatures) != want {
		return refusef("%d signatures on delay transactions instead of %d", len(sigs.DelaySignatures), want)
	}
	if !v.Verify(sigs.Checks(c, t.params.RemoteKeys.Funding)) {
		return refusef("signature of the first commitment transaction is not valid")
	}
	return nil
}

// finish makes the channel, with its rows and the signer's memory to be written
// before anything is seen.
func (t *terms) finish(theirs channel.Signatures, send ...wire.Message) (durable.Pending[Result], error) {
	local, _ := t.loads()
	ch := channel.New(channel.Opened{
		Params: t.params, ToLocal: local.Msat, Tokens: local.Tokens, FeePerKw: t.feePerKw, RemotePoint: t.remote, Signatures: theirs,
		SimpleClose: t.cfg.both(wire.SimpleClose),
	}, t.cfg.Signer)
	first, err := ch.Take(t.cfg.Signer)
	if err != nil {
		return durable.Pending[Result]{}, err
	}
	return durable.Join(durable.Hold(Done{ch, send}), first), nil
}

// ours fills in our side of the channel's parameters.
func (t *terms) ours(l channel.Limits) {
	p := &t.params
	p.Peer, p.KeyIndex = t.cfg.Peer, t.cfg.KeyIndex
	p.Format = script.Anchors
	p.LocalKeys, p.LocalLimits = t.cfg.Signer.Basepoints(), l
	p.MaxDustExposure = t.cfg.Policy.MaxDustExposure
	p.LocalScript, p.LocalUpfront = t.cfg.Script, t.cfg.Upfront
	p.AnySegwit = t.cfg.both(wire.ShutdownAnySegwit)
	p.LocalAlias = t.cfg.Alias
}

// Answer is the message for a peer that broke a rule: an error for the channel
// that was to be, or a warning.
func Answer(temporary wire.ChannelID, v *channel.Violation) wire.Message {
	if v.Kind == channel.Warn {
		return &wire.Warning{ChannelID: temporary, Data: []byte(v.Text)}
	}
	return &wire.Error{ChannelID: temporary, Data: []byte(v.Text)}
}

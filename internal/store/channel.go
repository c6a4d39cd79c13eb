package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/closing"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/channel/tally"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/store/compact"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// channelRow writes a row of a channel, and says whether r is one.
func (w *writing) channelRow(r any) (bool, error) {
	switch r := r.(type) {
	case channel.ParamsRow:
		return true, w.params(r)
	case channel.StatusRow:
		return true, w.status(r)
	case channel.StateRow:
		return true, w.state(r)
	case channel.CommitmentRow:
		return true, w.commitment(r)
	case channel.SecretRow:
		key, err := w.key(r.Channel)
		if err != nil {
			return true, err
		}
		return true, w.q.PutSecret(w.ctx, db.PutSecretParams{
			Channel: key, Bucket: int64(r.Bucket), Number: integer(r.Number), Secret: r.Secret[:],
		})
	case channel.HTLCRow:
		return true, w.htlc(r)
	case channel.HTLCStateRow:
		return true, w.htlcState(r)
	case channel.SettlementRow:
		return true, w.settlement(r)
	case relay.DecisionRow:
		return true, w.decision(r)
	}
	return false, nil
}

// key is the index of a channel's keys, by which its other rows name it.
func (w *writing) key(id wire.ChannelID) (int64, error) {
	if k, ok := w.keys[id]; ok {
		return k, nil
	}
	return 0, fmt.Errorf("channel %s is not stored", id)
}

func (w *writing) params(p channel.ParamsRow) error {
	l, r := p.LocalLimits, p.RemoteLimits
	err := w.q.InsertChannel(w.ctx, db.InsertChannelParams{
		KeyIndex: integer(p.KeyIndex), ID: p.Channel[:], Peer: p.Peer[:], LocalIsOpener: boolean(p.LocalIsOpener), Announce: boolean(p.Announce),
		ChannelType: p.ChannelType, Format: integer(p.Format), FundingTxid: p.Funding.Hash[:], FundingOutput: integer(p.Funding.Index),
		CapacitySat: integer(p.Capacity), Pushed: integer(p.Pushed), MinimumDepth: integer(p.MinimumDepth),
		LocalKeys: compact.Basepoints(p.LocalKeys), RemoteKeys: compact.Basepoints(p.RemoteKeys),
		LocalDustSat: integer(l.DustLimit), LocalMaxInFlight: integer(l.MaxHTLCValueInFlight), LocalReserveSat: integer(l.ChannelReserve), LocalHtlcMinimum: integer(l.HTLCMinimum),
		LocalToSelfDelay: integer(l.ToSelfDelay), LocalMaxHtlcs: integer(l.MaxAcceptedHTLCs),
		RemoteDustSat: integer(r.DustLimit), RemoteMaxInFlight: integer(r.MaxHTLCValueInFlight), RemoteReserveSat: integer(r.ChannelReserve), RemoteHtlcMinimum: integer(r.HTLCMinimum),
		RemoteToSelfDelay: integer(r.ToSelfDelay), RemoteMaxHtlcs: integer(r.MaxAcceptedHTLCs),
		MaxDustExposure: integer(p.MaxDustExposure), LocalScript: p.LocalScript, LocalUpfront: boolean(p.LocalUpfront), RemoteUpfront: p.RemoteUpfront,
		AnySegwit: boolean(p.AnySegwit), LocalAlias: integer(p.LocalAlias), Property: integer(p.Property), Tokens: integer(p.Tokens), LocalTokenReserve: integer(l.Tokens.Reserve), LocalTokenMinimum: integer(l.Tokens.HTLCMinimum), LocalTokenInFlight: integer(l.Tokens.MaxInFlight), RemoteTokenReserve: integer(r.Tokens.Reserve), RemoteTokenMinimum: integer(r.Tokens.HTLCMinimum), RemoteTokenInFlight: integer(r.Tokens.MaxInFlight),
	})
	if err == nil {
		w.keys[p.Channel] = integer(p.KeyIndex)
	}
	return err
}

func (w *writing) status(r channel.StatusRow) error {
	key, err := w.key(r.Channel)
	if err != nil {
		return err
	}
	p := db.UpdateChannelParams{
		KeyIndex: key, Status: integer(r.Status), Failure: r.Failure, Scid: integer(r.SCID), RemoteAlias: integer(r.RemoteAlias), ReadySent: boolean(r.ReadySent),
		LocalShutdown: r.LocalShutdown, RemoteShutdown: r.RemoteShutdown, CloseFeePerKw: integer(r.CloseFees.Aim), CloseLeastPerKw: integer(r.CloseFees.Least), CloseMostPerKw: integer(r.CloseFees.Most),
	}
	if a := r.Closing; a != nil {
		p.ClosingTx, p.ClosingSignature = a.Tx, a.Signature[:]
	}
	return one(w.q.UpdateChannel(w.ctx, p))
}

func (w *writing) state(r channel.StateRow) error {
	key, err := w.key(r.Channel)
	if err != nil {
		return err
	}
	return w.q.PutState(w.ctx, db.PutStateParams{
		Channel: key, Received: integer(r.Received), Signed: integer(r.Signed),
		SignedAfter: integer(r.SignedAfter), Revoked: integer(r.Revoked), CurrentPoint: r.CurrentPoint[:], NextPoint: r.NextPoint[:], ToLocal: integer(r.ToLocal),
		FeeCommitted: integer(r.FeeCommitted), FeeRevoked: integer(r.FeeRevoked), FeeAckcommitted: integer(r.FeeAckCommitted), FeeIrrevocable: integer(r.FeeIrrevocable),
		NextLocalID: integer(r.NextLocalID), NextRemoteID: integer(r.NextRemoteID), TokensToLocal: integer(r.TokensToLocal), ToLocalLeast: integer(r.ToLocal), ToLocalMost: integer(r.ToLocal),
	})
}

func (w *writing) commitment(r channel.CommitmentRow) error {
	key, err := w.key(r.Channel)
	if err != nil {
		return err
	}
	return w.q.PutCommitment(w.ctx, db.PutCommitmentParams{
		Channel: key, Number: integer(r.Number), Signature: r.Signature[:], HtlcSignatures: compact.Signatures(r.HTLCSignatures), DelaySignatures: compact.Signatures(r.DelaySignatures),
	})
}

func (w *writing) htlc(r channel.HTLCRow) error {
	key, err := w.key(r.Channel)
	if err != nil {
		return err
	}
	p := db.InsertHTLCParams{
		Channel: key, Incoming: boolean(r.Incoming), ID: integer(r.ID),
		Amount: integer(r.Amount), PaymentHash: r.PaymentHash[:], CltvExpiry: integer(r.CLTVExpiry),
		Attempt:     optional(integer(r.Origin.Attempt), r.Origin.Attempt != 0),
		OverExposed: boolean(r.OverExposed),
		AddedLocal:  integer(r.Added[dance.Local]), AddedRemote: integer(r.Added[dance.Remote]),
		RemovedLocal: integer(r.Removed[dance.Local]), RemovedRemote: integer(r.Removed[dance.Remote]),
		Removal: integer(r.Removal), Preimage: preimage(r.Preimage), Reason: r.Reason,
		Malformed: compact.Malformed(r.Malformed), Done: boolean(r.Done), Tokens: integer(r.Tokens),
	}
	if r.PathKey != nil {
		p.PathKey = r.PathKey[:]
	}
	if r.Origin.In != nil {
		in, err := w.key(r.Origin.In.Channel)
		if err != nil {
			return err
		}
		p.InChannel, p.InHtlc = optional(in, true), optional(integer(r.Origin.In.ID), true)
	}
	if err := w.q.InsertHTLC(w.ctx, p); err != nil {
		return err
	}
	w.offered(key, p)
	if r.Origin.In != nil {
		if err := w.forwards(p); err != nil {
			return err
		}
	}
	if r.Onion == nil {
		return nil
	}
	return w.q.InsertOnion(w.ctx, db.InsertOnionParams{Channel: key, Incoming: p.Incoming, ID: p.ID, Onion: r.Onion[:]})
}

func (w *writing) htlcState(r channel.HTLCStateRow) error {
	key, err := w.key(r.Channel)
	if err != nil {
		return err
	}
	incoming, id := boolean(r.Incoming), integer(r.ID)
	if r.Done && r.Removal == channel.RemovedByPreimage {
		if err := w.fulfilled(key, incoming, id); err != nil {
			return err
		}
	}
	err = one(w.q.UpdateHTLC(w.ctx, db.UpdateHTLCParams{
		Channel: key, Incoming: incoming, ID: id, AddedLocal: integer(r.Added[dance.Local]), AddedRemote: integer(r.Added[dance.Remote]),
		RemovedLocal: integer(r.Removed[dance.Local]), RemovedRemote: integer(r.Removed[dance.Remote]),
		Removal: integer(r.Removal), Preimage: preimage(r.Preimage), Reason: r.Reason, Malformed: compact.Malformed(r.Malformed), Done: boolean(r.Done),
	}))
	if err != nil || !r.Done {
		return err
	}
	if err := w.q.FinishHTLC(w.ctx, db.FinishHTLCParams{Channel: key, Incoming: incoming, ID: id}); err != nil {
		return err
	}
	if err := w.q.DeleteOnion(w.ctx, db.DeleteOnionParams{Channel: key, Incoming: incoming, ID: id}); err != nil {
		return err
	}
	if !r.Incoming {
		return nil
	}
	// The incoming HTLC has ended: nobody will ask what was decided for it.
	if err := w.q.DeleteDecision(w.ctx, db.DeleteDecisionParams{Channel: key, Htlc: id}); err != nil {
		return err
	}
	return w.q.DeleteForwardSettlement(w.ctx, db.DeleteForwardSettlementParams{
		InChannel: optional(key, true), InHtlc: optional(id, true),
	})
}

func (w *writing) settlement(r channel.SettlementRow) error {
	out, err := w.key(r.HTLC.Channel)
	if err != nil {
		return err
	}
	p := db.InsertSettlementParams{
		OutChannel: out, OutHtlc: integer(r.HTLC.ID), Amount: integer(r.Amount),
		Attempt:  optional(integer(r.Origin.Attempt), r.Origin.Attempt != 0),
		Preimage: preimage(r.Preimage), Reason: r.Reason, Malformed: compact.Malformed(r.Malformed),
	}
	if r.Origin.In != nil {
		in, err := w.key(r.Origin.In.Channel)
		if err != nil {
			return err
		}
		if err := w.forwarded(in, out, r); err != nil {
			return err
		}
		// When the incoming HTLC has ended, nobody will ask for it, nor delete it.
		done, err := w.q.IncomingDone(w.ctx, db.IncomingDoneParams{Channel: in, ID: integer(r.Origin.In.ID)})
		if err != nil || done > 0 {
			return err
		}
		p.InChannel, p.InHtlc = optional(in, true), optional(integer(r.Origin.In.ID), true)
	}
	return w.q.InsertSettlement(w.ctx, p)
}

func (w *writing) decision(r relay.DecisionRow) error {
	key, err := w.key(r.In.Channel)
	if err != nil {
		return err
	}
	p := db.InsertDecisionParams{
		Channel: key, Htlc: integer(r.In.ID), Kind: integer(uint8(r.Kind)), Reason: r.Reason, Malformed: compact.Malformed(r.Malformed),
	}
	if r.Kind == relay.Fulfil {
		p.Preimage = r.Preimage[:]
	}
	return w.q.InsertDecision(w.ctx, p)
}

func (c *columns) decision(id wire.ChannelID, d db.Decision) relay.DecisionRow {
	row := relay.DecisionRow{
		In:   channel.Ref{Channel: id, ID: unsigned[uint64](d.Htlc)},
		Kind: relay.Kind(unsigned[uint8](d.Kind)), Reason: d.Reason, Malformed: read(c, compact.ReadMalformed, d.Malformed),
	}
	if d.Preimage != nil {
		c.fixed(row.Preimage[:], d.Preimage)
	}
	return row
}

// Decision reads what was decided for an incoming HTLC that is not done.
func (s *Store) Decision(ctx context.Context, in channel.Ref) (relay.DecisionRow, bool, error) {
	d, err := s.q.Decision(ctx, db.DecisionParams{ID: in.Channel[:], Htlc: integer(in.ID)})
	return maybe(d, err, func(d db.Decision) (relay.DecisionRow, error) {
		var c columns
		row := c.decision(in.Channel, d)
		return row, c.err
	})
}

// one is for an update that must find its row.
func one(rows int64, err error) error {
	if err == nil && rows != 1 {
		return fmt.Errorf("%w: an update found %d rows", errColumn, rows)
	}
	return err
}

// NextKeyIndex is the first index for a channel's keys that no stored channel
// has, and no signer has signed with, from 1 up.
func (s *Store) NextKeyIndex(ctx context.Context) (uint32, error) {
	n, err := s.q.NextKeyIndex(ctx)
	return unsigned[uint32](n), err
}

// Channels reads every channel, closed ones too, in one view of the database.
func (s *Store) Channels(ctx context.Context) ([]channel.Rows, error) {
	var out []channel.Rows
	err := s.view(ctx, func(q *db.Queries) error {
		rows, err := q.Channels(ctx)
		if err != nil {
			return err
		}
		ids := channelIDs(rows)
		for _, r := range rows {
			one, err := readChannel(ctx, q, r, ids)
			if err != nil {
				return fmt.Errorf("channel %x: %w", r.ID, err)
			}
			out = append(out, one)
		}
		return nil
	})
	return out, err
}

func channelIDs(rows []db.Channel) map[int64]wire.ChannelID {
	ids := make(map[int64]wire.ChannelID, len(rows))
	for _, r := range rows {
		ids[r.KeyIndex] = wire.ChannelID(r.ID)
	}
	return ids
}

func readChannel(ctx context.Context, q *db.Queries, r db.Channel, ids map[int64]wire.ChannelID) (out channel.Rows, err error) {
	var c columns
	id := wire.ChannelID(r.ID)
	out.Params = channel.ParamsRow{
		Channel: id, KeyIndex: unsigned[uint32](r.KeyIndex), LocalIsOpener: r.LocalIsOpener != 0, Announce: r.Announce != 0, ChannelType: r.ChannelType,
		Format:   script.Format(unsigned[uint8](r.Format)),
		Funding:  btcwire.OutPoint{Hash: chainhash.Hash(r.FundingTxid), Index: unsigned[uint32](r.FundingOutput)},
		Capacity: amount.Satoshi(r.CapacitySat), Pushed: amount.MilliSatoshi(r.Pushed), //nolint:gosec // written from unsigned
		MinimumDepth: unsigned[uint32](r.MinimumDepth),
		LocalKeys:    read(&c, compact.ReadBasepoints, r.LocalKeys), RemoteKeys: read(&c, compact.ReadBasepoints, r.RemoteKeys),
		LocalLimits: channel.Limits{
			DustLimit: unsigned[amount.Satoshi](r.LocalDustSat), MaxHTLCValueInFlight: unsigned[amount.MilliSatoshi](r.LocalMaxInFlight),
			ChannelReserve: unsigned[amount.Satoshi](r.LocalReserveSat), HTLCMinimum: unsigned[amount.MilliSatoshi](r.LocalHtlcMinimum),
			ToSelfDelay: unsigned[uint16](r.LocalToSelfDelay), MaxAcceptedHTLCs: unsigned[uint16](r.LocalMaxHtlcs),
			Tokens: tally.TokenLimits{Reserve: unsigned[amount.Units](r.LocalTokenReserve), HTLCMinimum: unsigned[amount.Units](r.LocalTokenMinimum), MaxInFlight: unsigned[amount.Units](r.LocalTokenInFlight)},
		},
		RemoteLimits: channel.Limits{
			DustLimit: unsigned[amount.Satoshi](r.RemoteDustSat), MaxHTLCValueInFlight: unsigned[amount.MilliSatoshi](r.RemoteMaxInFlight),
			ChannelReserve: unsigned[amount.Satoshi](r.RemoteReserveSat), HTLCMinimum: unsigned[amount.MilliSatoshi](r.RemoteHtlcMinimum),
			ToSelfDelay: unsigned[uint16](r.RemoteToSelfDelay), MaxAcceptedHTLCs: unsigned[uint16](r.RemoteMaxHtlcs),
			Tokens: tally.TokenLimits{Reserve: unsigned[amount.Units](r.RemoteTokenReserve), HTLCMinimum: unsigned[amount.Units](r.RemoteTokenMinimum), MaxInFlight: unsigned[amount.Units](r.RemoteTokenInFlight)},
		},
		MaxDustExposure: unsigned[amount.MilliSatoshi](r.MaxDustExposure), LocalScript: r.LocalScript, LocalUpfront: r.LocalUpfront != 0, RemoteUpfront: r.RemoteUpfront,
		AnySegwit: r.AnySegwit != 0, LocalAlias: unsigned[wire.ShortChannelID](r.LocalAlias),
		Property: unsigned[amount.Property](r.Property), Tokens: unsigned[amount.Units](r.Tokens),
	}
	c.fixed(out.Params.Peer[:], r.Peer)
	out.Status = channel.StatusRow{
		Channel: id, Status: channel.Status(unsigned[uint8](r.Status)), Failure: r.Failure,
		SCID: unsigned[wire.ShortChannelID](r.Scid), RemoteAlias: unsigned[wire.ShortChannelID](r.RemoteAlias),
		ReadySent: r.ReadySent != 0, LocalShutdown: r.LocalShutdown, RemoteShutdown: r.RemoteShutdown,
		CloseFees: closing.Fees{Aim: unsigned[uint32](r.CloseFeePerKw), Least: unsigned[uint32](r.CloseLeastPerKw), Most: unsigned[uint32](r.CloseMostPerKw)},
	}
	if r.ClosingSignature != nil {
		a := &channel.Agreement{Tx: r.ClosingTx}
		c.fixed(a.Signature[:], r.ClosingSignature)
		out.Status.Closing = a
	}
	if err := readState(ctx, q, &c, r.KeyIndex, &out); err != nil {
		return out, err
	}
	live, err := q.LiveHTLCs(ctx, r.KeyIndex)
	if err != nil {
		return out, err
	}
	for _, h := range live {
		out.HTLCs = append(out.HTLCs, c.htlc(id, h, ids))
	}
	return out, c.err
}

func readState(ctx context.Context, q *db.Queries, c *columns, key int64, out *channel.Rows) error {
	id := out.Params.Channel
	st, err := q.State(ctx, key)
	if err != nil {
		return err
	}
	out.State = channel.StateRow{
		Channel: id, Received: unsigned[uint64](st.Received), Signed: unsigned[uint64](st.Signed),
		SignedAfter: unsigned[uint64](st.SignedAfter), Revoked: unsigned[uint64](st.Revoked), ToLocal: unsigned[amount.MilliSatoshi](st.ToLocal), TokensToLocal: unsigned[amount.Units](st.TokensToLocal),
		FeeCommitted: unsigned[uint32](st.FeeCommitted), FeeRevoked: unsigned[uint32](st.FeeRevoked), FeeAckCommitted: unsigned[uint32](st.FeeAckcommitted), FeeIrrevocable: unsigned[uint32](st.FeeIrrevocable),
		NextLocalID: unsigned[uint64](st.NextLocalID), NextRemoteID: unsigned[uint64](st.NextRemoteID),
	}
	c.fixed(out.State.CurrentPoint[:], st.CurrentPoint)
	c.fixed(out.State.NextPoint[:], st.NextPoint)
	cm, err := q.Commitment(ctx, key)
	if err != nil {
		return err
	}
	out.Commitment = channel.CommitmentRow{Channel: id, Number: unsigned[uint64](cm.Number), Signatures: channel.Signatures{
		HTLCSignatures: read(c, compact.ReadSignatures, cm.HtlcSignatures), DelaySignatures: read(c, compact.ReadSignatures, cm.DelaySignatures),
	}}
	c.fixed(out.Commitment.Signature[:], cm.Signature)
	secrets, err := q.Secrets(ctx, key)
	if err != nil {
		return err
	}
	for _, x := range secrets {
		row := channel.SecretRow{Channel: id, Bucket: int(x.Bucket), Number: unsigned[uint64](x.Number)}
		c.fixed(row.Secret[:], x.Secret)
		out.Secrets = append(out.Secrets, row)
	}
	return nil
}

// HTLCsStoodIn reads the HTLCs that are done and stood in the peer's commitment of
// a number: what to punish if it broadcasts that one, whatever its age.
func (s *Store) HTLCsStoodIn(ctx context.Context, id wire.ChannelID, number uint64) (out []channel.HTLCRow, err error) {
	err = s.view(ctx, func(q *db.Queries) error {
		rows, err := q.HTLCsStoodIn(ctx, db.HTLCsStoodInParams{ID: id[:], Number: integer(number)})
		if err != nil {
			return err
		}
		keys, err := q.ChannelKeys(ctx)
		if err != nil {
			return err
		}
		ids := make(map[int64]wire.ChannelID, len(keys))
		for _, k := range keys {
			ids[k.KeyIndex] = wire.ChannelID(k.ID)
		}
		var c columns
		for _, h := range rows {
			out = append(out, c.htlc(id, db.LiveHTLCsRow{Htlc: h}, ids))
		}
		return c.err
	})
	return out, err
}

func (c *columns) htlc(id wire.ChannelID, r db.LiveHTLCsRow, ids map[int64]wire.ChannelID) channel.HTLCRow {
	h := r.Htlc
	out := channel.HTLCRow{
		Channel: id, Incoming: h.Incoming != 0, ID: unsigned[uint64](h.ID),
		Amount: unsigned[amount.MilliSatoshi](h.Amount), Tokens: unsigned[amount.Units](h.Tokens), CLTVExpiry: unsigned[uint32](h.CltvExpiry),
		Origin:      c.origin(h.InChannel, h.InHtlc, h.Attempt, ids),
		OverExposed: h.OverExposed != 0,
		HTLCState: channel.HTLCState{
			Added:   dance.Numbers{dance.Local: unsigned[uint64](h.AddedLocal), dance.Remote: unsigned[uint64](h.AddedRemote)},
			Removed: dance.Numbers{dance.Local: unsigned[uint64](h.RemovedLocal), dance.Remote: unsigned[uint64](h.RemovedRemote)},
			Removal: channel.RemovalKind(unsigned[uint8](h.Removal)), Preimage: c.preimage(h.Preimage), Reason: h.Reason,
			Malformed: read(c, compact.ReadMalformed, h.Malformed), Done: h.Done != 0,
		},
	}
	c.fixed(out.PaymentHash[:], h.PaymentHash)
	if r.Onion != nil {
		out.Onion = new([wire.OnionPacketSize]byte)
		c.fixed(out.Onion[:], r.Onion)
	}
	if h.PathKey != nil {
		out.PathKey = new(wire.Point)
		c.fixed(out.PathKey[:], h.PathKey)
	}
	return out
}

func (c *columns) origin(inChannel, inHTLC, attempt sql.NullInt64, ids map[int64]wire.ChannelID) channel.Origin {
	if !inChannel.Valid {
		return channel.Origin{Attempt: unsigned[uint64](attempt.Int64)}
	}
	in, ok := ids[inChannel.Int64]
	if !ok {
		c.fail("an HTLC forwards one of a channel that is not stored")
	}
	return channel.Origin{In: &channel.Ref{Channel: in, ID: unsigned[uint64](inHTLC.Int64)}}
}

// FeesCollected is what was earned by forwarding, in millisatoshi, of HTLCs that
// have ended.
func (s *Store) FeesCollected(ctx context.Context) (uint64, error) {
	v, err := s.q.FeesCollected(ctx)
	return unsigned[uint64](v), err
}

// Unfinished is what was decided or resolved and may not have been acted on when
// the process ended: the input to every link and payment at start.
type Unfinished struct {
	Decisions   []relay.DecisionRow     // of incoming HTLCs that are not done
	Settlements []channel.SettlementRow // whose origin has not ended
	Forwarded   map[channel.Ref]bool    // incoming HTLCs that an outgoing one forwards
	Attempts    map[uint64]bool         // attempts whose HTLC's row exists and is not done
}

// Unfinished reads what a restart has to go on with.
func (s *Store) Unfinished(ctx context.Context) (Unfinished, error) {
	u := Unfinished{Forwarded: map[channel.Ref]bool{}, Attempts: map[uint64]bool{}}
	err := s.view(ctx, func(q *db.Queries) error {
		rows, err := q.ChannelKeys(ctx)
		if err != nil {
			return err
		}
		ids := make(map[int64]wire.ChannelID, len(rows))
		for _, r := range rows {
			ids[r.KeyIndex] = wire.ChannelID(r.ID)
		}
		return u.read(ctx, q, ids)
	})
	return u, err
}

func (u *Unfinished) read(ctx context.Context, q *db.Queries, ids map[int64]wire.ChannelID) error {
	var c columns
	decisions, err := q.Decisions(ctx)
	if err != nil {
		return err
	}
	for _, d := range decisions {
		u.Decisions = append(u.Decisions, c.decision(ids[d.Channel], d))
	}
	settlements, err := q.Settlements(ctx)
	if err != nil {
		return err
	}
	for _, x := range settlements {
		u.Settlements = append(u.Settlements, channel.SettlementRow{
			HTLC:   channel.Ref{Channel: ids[x.OutChannel], ID: unsigned[uint64](x.OutHtlc)},
			Origin: c.origin(x.InChannel, x.InHtlc, x.Attempt, ids), Amount: unsigned[amount.MilliSatoshi](x.Amount),
			Preimage: c.preimage(x.Preimage), Reason: x.Reason, Malformed: read(&c, compact.ReadMalformed, x.Malformed),
		})
	}
	forwards, err := q.ForwardsLive(ctx)
	if err != nil {
		return err
	}
	for _, f := range forwards {
		u.Forwarded[channel.Ref{Channel: ids[f.InChannel.Int64], ID: unsigned[uint64](f.InHtlc.Int64)}] = true
	}
	attempts, err := q.LiveAttempts(ctx)
	if err != nil {
		return err
	}
	for _, a := range attempts {
		u.Attempts[unsigned[uint64](a.Int64)] = true
	}
	return c.err
}

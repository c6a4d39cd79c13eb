package wire

import "github.com/btcsuite/btcd/chainhash/v2"

// The methods below are the specification's lists of fields, in its order and
// under its names.

func (m *Init) fields(c *codec) {
	c.features("globalfeatures", &m.GlobalFeatures)
	c.features("features", &m.Features)
	c.extension(&m.Extra,
		record{1, "networks", m.Networks == nil, func(c *codec) { c.chains("networks", &m.Networks) }},
		record{3, "remote_addr", m.RemoteAddr == nil, func(c *codec) { c.present("remote_addr", &m.RemoteAddr) }},
	)
}

func (c *codec) chains(name string, p *[]chainhash.Hash) {
	if c.mode == reading {
		*p = make([]chainhash.Hash, len(c.buf)/chainhash.HashSize)
	}
	for i := range *p {
		c.hash(name, &(*p)[i])
	}
}

func (m *Error) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.prefixed("data", &m.Data)
}

func (m *Warning) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.prefixed("data", &m.Data)
}

func (m *Ping) fields(c *codec) {
	c.u16("num_pong_bytes", &m.NumPongBytes)
	c.prefixed("ignored", &m.Ignored)
}

func (m *Pong) fields(c *codec) { c.prefixed("ignored", &m.Ignored) }

func (m *PeerStorage) fields(c *codec) { c.prefixed("blob", &m.Blob) }

func (m *PeerStorageRetrieval) fields(c *codec) { c.prefixed("blob", &m.Blob) }

func (m *OpenChannel) fields(c *codec) {
	c.hash("chain_hash", &m.ChainHash)
	c.channelID("temporary_channel_id", &m.TemporaryChannelID)
	c.sat("funding_satoshis", &m.FundingSatoshis)
	c.msat("push_msat", &m.PushMsat)
	c.sat("dust_limit_satoshis", &m.DustLimitSatoshis)
	c.msat("max_htlc_value_in_flight_msat", &m.MaxHTLCValueInFlightMsat)
	c.sat("channel_reserve_satoshis", &m.ChannelReserveSatoshis)
	c.msat("htlc_minimum_msat", &m.HTLCMinimumMsat)
	c.u32("feerate_per_kw", &m.FeeratePerKw)
	c.u16("to_self_delay", &m.ToSelfDelay)
	c.u16("max_accepted_htlcs", &m.MaxAcceptedHTLCs)
	c.point("funding_pubkey", &m.FundingPubkey)
	c.point("revocation_basepoint", &m.RevocationBasepoint)
	c.point("payment_basepoint", &m.PaymentBasepoint)
	c.point("delayed_payment_basepoint", &m.DelayedPaymentBasepoint)
	c.point("htlc_basepoint", &m.HTLCBasepoint)
	c.point("first_per_commitment_point", &m.FirstPerCommitmentPoint)
	c.u8("channel_flags", &m.ChannelFlags)
	c.openTLVs(&m.UpfrontShutdownScript, &m.ChannelType, &m.Extra, record{assetOpen, "asset", m.Asset == nil, func(c *codec) {
		if c.mode == reading {
			m.Asset = new(OpenAsset)
		}
		c.property(&m.Asset.Property)
		c.tokens("asset_funding", &m.Asset.Funding)
		c.tokens("asset_push", &m.Asset.Push)
		m.Asset.Limits.fields(c)
	}})
}

func (m *AcceptChannel) fields(c *codec) {
	c.channelID("temporary_channel_id", &m.TemporaryChannelID)
	c.sat("dust_limit_satoshis", &m.DustLimitSatoshis)
	c.msat("max_htlc_value_in_flight_msat", &m.MaxHTLCValueInFlightMsat)
	c.sat("channel_reserve_satoshis", &m.ChannelReserveSatoshis)
	c.msat("htlc_minimum_msat", &m.HTLCMinimumMsat)
	c.u32("minimum_depth", &m.MinimumDepth)
	c.u16("to_self_delay", &m.ToSelfDelay)
	c.u16("max_accepted_htlcs", &m.MaxAcceptedHTLCs)
	c.point("funding_pubkey", &m.FundingPubkey)
	c.point("revocation_basepoint", &m.RevocationBasepoint)
	c.point("payment_basepoint", &m.PaymentBasepoint)
	c.point("delayed_payment_basepoint", &m.DelayedPaymentBasepoint)
	c.point("htlc_basepoint", &m.HTLCBasepoint)
	c.point("first_per_commitment_point", &m.FirstPerCommitmentPoint)
	c.openTLVs(&m.UpfrontShutdownScript, &m.ChannelType, &m.Extra, record{assetOpen, "asset", m.Asset == nil, func(c *codec) {
		if c.mode == reading {
			m.Asset = new(AssetLimits)
		}
		m.Asset.fields(c)
	}})
}

// openTLVs are the records that open_channel and accept_channel share. Present
// but empty differs from absent, so an empty value is kept as not nil.
func (c *codec) openTLVs(script *[]byte, channelType *Features, extra *[]byte, asset record) {
	c.extension(extra,
		record{0, "upfront_shutdown_script", *script == nil, func(c *codec) { c.present("upfront_shutdown_script", script) }},
		record{1, "channel_type", *channelType == nil, func(c *codec) {
			if c.mode == printing {
				c.print("channel_type", channelType.String())
				return
			}
			c.present("channel_type", (*[]byte)(channelType))
		}},
		asset,
	)
}

// present is rest, but never nil once read.
func (c *codec) present(name string, p *[]byte) {
	c.rest(name, p)
	if c.mode == reading && *p == nil {
		*p = []byte{}
	}
}

func (m *FundingCreated) fields(c *codec) {
	c.channelID("temporary_channel_id", &m.TemporaryChannelID)
	c.hash("funding_txid", &m.FundingTxid)
	c.u16("funding_output_index", &m.FundingOutputIndex)
	c.signature("signature", &m.Signature)
	c.extension(&m.Extra, delaySignatures(&m.DelaySignatures))
}

func (m *FundingSigned) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.signature("signature", &m.Signature)
	c.extension(&m.Extra, delaySignatures(&m.DelaySignatures))
}

func (m *ChannelReady) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.point("second_per_commitment_point", &m.SecondPerCommitmentPoint)
	c.extension(&m.Extra, record{1, "short_channel_id", m.Alias == nil, func(c *codec) {
		if c.mode == reading {
			m.Alias = new(ShortChannelID)
		}
		c.scid("alias", m.Alias)
	}})
}

func (m *Shutdown) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.prefixed("scriptpubkey", &m.ScriptPubkey)
	c.extension(&m.Extra)
}

func (m *ClosingSigned) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.sat("fee_satoshis", &m.FeeSatoshis)
	c.signature("signature", &m.Signature)
	c.extension(&m.Extra, record{1, "fee_range", m.FeeRange == nil, func(c *codec) {
		if c.mode == reading {
			m.FeeRange = new(FeeRange)
		}
		c.sat("min_fee_satoshis", &m.FeeRange.Min)
		c.sat("max_fee_satoshis", &m.FeeRange.Max)
	}})
}

func (m *ClosingComplete) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.prefixed("closer_scriptpubkey", &m.CloserScriptPubkey)
	c.prefixed("closee_scriptpubkey", &m.CloseeScriptPubkey)
	c.sat("fee_satoshis", &m.FeeSatoshis)
	c.u32("locktime", &m.Locktime)
	sig := func(name string, typ uint64, p **Signature) record {
		return record{typ, name, *p == nil, func(c *codec) {
			if c.mode == reading {
				*p = new(Signature)
			}
			c.signature(name, *p)
		}}
	}
	c.extension(&m.Extra, sig("closer_output_only", 1, &m.CloserOutputOnly), sig("closee_output_only", 2, &m.CloseeOutputOnly),
		sig("closer_and_closee_outputs", 3, &m.BothOutputs))
}

func (m *ClosingSig) fields(c *codec) { (*ClosingComplete)(m).fields(c) }

func (m *UpdateAddHTLC) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.u64("id", &m.ID)
	c.msat("amount_msat", &m.AmountMsat)
	c.bytes("payment_hash", m.PaymentHash[:])
	c.u32("cltv_expiry", &m.CLTVExpiry)
	c.bytes("onion_routing_packet", m.OnionRoutingPacket[:])
	c.extension(&m.Extra, record{0, "blinded_path", m.PathKey == nil, func(c *codec) {
		if c.mode == reading {
			m.PathKey = new(Point)
		}
		c.point("path_key", m.PathKey)
	}}, record{assetHTLC, "asset", m.Asset == nil, func(c *codec) {
		if c.mode == reading {
			m.Asset = new(HTLCAsset)
		}
		c.property(&m.Asset.Property)
		c.truncated("asset_amount", (*uint64)(&m.Asset.Tokens))
	}})
}

func (m *UpdateFulfillHTLC) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.u64("id", &m.ID)
	c.bytes("payment_preimage", m.PaymentPreimage[:])
	c.extension(&m.Extra, attribution(&m.Attribution))
}

func (m *UpdateFailHTLC) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.u64("id", &m.ID)
	c.prefixed("reason", &m.Reason)
	c.extension(&m.Extra, attribution(&m.Attribution))
}

func attribution(p **Attribution) record {
	return record{1, "attribution_data", *p == nil, func(c *codec) {
		if c.mode == reading {
			*p = new(Attribution)
		}
		c.bytes("attribution_data", (*p)[:])
	}}
}

func (m *UpdateFailMalformedHTLC) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.u64("id", &m.ID)
	c.bytes("sha256_of_onion", m.SHA256OfOnion[:])
	c.u16("failure_code", &m.FailureCode)
	c.extension(&m.Extra)
}

func (m *CommitmentSigned) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.signature("signature", &m.Signature)
	c.signatures("htlc_signature", &m.HTLCSignatures)
	c.extension(&m.Extra, delaySignatures(&m.DelaySignatures))
}

func (m *RevokeAndAck) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.bytes("per_commitment_secret", m.PerCommitmentSecret[:])
	c.point("next_per_commitment_point", &m.NextPerCommitmentPoint)
	c.extension(&m.Extra)
}

func (m *UpdateFee) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.u32("feerate_per_kw", &m.FeeratePerKw)
	c.extension(&m.Extra)
}

func (m *ChannelReestablish) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.u64("next_commitment_number", &m.NextCommitmentNumber)
	c.u64("next_revocation_number", &m.NextRevocationNumber)
	c.bytes("your_last_per_commitment_secret", m.YourLastCommitmentSecret[:])
	c.point("my_current_per_commitment_point", &m.MyCurrentCommitmentPoint)
	c.extension(&m.Extra)
}

func (m *AnnouncementSignatures) fields(c *codec) {
	c.channelID("channel_id", &m.ChannelID)
	c.scid("short_channel_id", &m.ShortChannelID)
	c.signature("node_signature", &m.NodeSignature)
	c.signature("bitcoin_signature", &m.BitcoinSignature)
	c.extension(&m.Extra)
}

func (m *ChannelAnnouncement) fields(c *codec) {
	c.signature("node_signature_1", &m.NodeSignature1)
	c.signature("node_signature_2", &m.NodeSignature2)
	c.signature("bitcoin_signature_1", &m.BitcoinSignature1)
	c.signature("bitcoin_signature_2", &m.BitcoinSignature2)
	m.signed(c)
}

func (m *ChannelAnnouncement) signed(c *codec) {
	c.features("features", &m.Features)
	c.hash("chain_hash", &m.ChainHash)
	c.scid("short_channel_id", &m.ShortChannelID)
	c.point("node_id_1", &m.NodeID1)
	c.point("node_id_2", &m.NodeID2)
	c.point("bitcoin_key_1", &m.BitcoinKey1)
	c.point("bitcoin_key_2", &m.BitcoinKey2)
	c.rest("extra", &m.Extra)
}

func (m *NodeAnnouncement) fields(c *codec) {
	c.signature("signature", &m.Signature)
	m.signed(c)
}

func (m *NodeAnnouncement) signed(c *codec) {
	c.features("features", &m.Features)
	c.u32("timestamp", &m.Timestamp)
	c.point("node_id", &m.NodeID)
	c.bytes("rgb_color", m.RGBColor[:])
	c.bytes("alias", m.Alias[:])
	c.prefixed("addresses", &m.Addresses)
	c.rest("extra", &m.Extra)
}

func (m *ChannelUpdate) fields(c *codec) {
	c.signature("signature", &m.Signature)
	m.signed(c)
}

func (m *ChannelUpdate) signed(c *codec) {
	c.hash("chain_hash", &m.ChainHash)
	c.scid("short_channel_id", &m.ShortChannelID)
	c.u32("timestamp", &m.Timestamp)
	c.u8("message_flags", &m.MessageFlags)
	c.u8("channel_flags", &m.ChannelFlags)
	c.u16("cltv_expiry_delta", &m.CLTVExpiryDelta)
	c.msat("htlc_minimum_msat", &m.HTLCMinimumMsat)
	c.u32("fee_base_msat", &m.FeeBaseMsat)
	c.u32("fee_proportional_millionths", &m.FeeProportionalMillionths)
	c.msat("htlc_maximum_msat", &m.HTLCMaximumMsat)
	c.rest("extra", &m.Extra)
}

func (m *QueryShortChannelIDs) fields(c *codec) {
	c.hash("chain_hash", &m.ChainHash)
	c.prefixed("encoded_short_ids", &m.EncodedShortIDs)
	c.rest("extra", &m.Extra)
}

func (m *ReplyShortChannelIDsEnd) fields(c *codec) {
	c.hash("chain_hash", &m.ChainHash)
	c.boolean("full_information", &m.FullInformation)
	c.rest("extra", &m.Extra)
}

func (m *QueryChannelRange) fields(c *codec) {
	c.hash("chain_hash", &m.ChainHash)
	c.u32("first_blocknum", &m.FirstBlocknum)
	c.u32("number_of_blocks", &m.NumberOfBlocks)
	c.rest("extra", &m.Extra)
}

func (m *ReplyChannelRange) fields(c *codec) {
	c.hash("chain_hash", &m.ChainHash)
	c.u32("first_blocknum", &m.FirstBlocknum)
	c.u32("number_of_blocks", &m.NumberOfBlocks)
	c.boolean("sync_complete", &m.SyncComplete)
	c.prefixed("encoded_short_ids", &m.EncodedShortIDs)
	c.rest("extra", &m.Extra)
}

func (m *GossipTimestampFilter) fields(c *codec) {
	c.hash("chain_hash", &m.ChainHash)
	c.u32("first_timestamp", &m.FirstTimestamp)
	c.u32("timestamp_range", &m.TimestampRange)
	c.rest("extra", &m.Extra)
}

func (m *Unknown) fields(c *codec) { c.rest("payload", &m.Payload) }

// Package sim is a whole network in one thread: nodes made of the real machines, a
// chain, connections, disks and a clock, all driven by one seed. A seed gives the
// same run on every machine, to the last step.
//
//	r := sim.Run(sim.Config{Seed: 7})
//	if r.Failure != nil {
//		fmt.Print(r.Failure) // what was broken, at which step, and the last events
//	}
//
// A node here is what packages link, sender, receiver and node make of the
// machines, without their goroutines: each channel, each payment and the till is an
// actor with an inbox; an actor feeds its machine all that has gathered, takes one
// outcome, hands its rows to the disk and makes the rest visible once they are
// written. In between anything may happen, a death above all.
//
// A run has two parts. First the schedule: payments in one part or several, two nodes
// that pay one invoice, channels that are opened, cuts, deaths between any two effects,
// slow disks and full ones, blocks, reorganizations, transactions that wait or are
// forgotten, days on which blocks are dear, new feerates, closings, and peers that
// vanish, sit on HTLCs, fall silent until what they offered expires, send anything at
// any time, come back with an old copy of their rows, or broadcast what they have
// revoked, fail what they then claim on-chain, and take the second stages. Some say of a
// channel that has failed nothing but that. Each is drawn
// at the start, so that a run can be had again without some of them ([Shrink]); or it is
// a script of bytes, each an event ([Config].Script). Then calm: everybody who lives
// comes back, blocks come, and all must end; what channels are left must carry a payment.
//
// What must hold, at each write or at the end:
//
//   - rows loaded give the machine back;
//   - an invoice is paid once, and in full; nobody knows its preimage before it is;
//   - who paid has the preimage; every payment ends;
//   - nothing is forwarded twice; an incoming HTLC is failed only when the one that
//     forwards it has failed, and is not paid out afterwards;
//   - no honest node ends with less than it is due, but for fees on-chain and dust;
//   - a cheat keeps nothing of what it broadcast; who has lost state broadcasts
//     nothing that it has revoked;
//   - every transaction is valid, and money is conserved;
//   - no rule is broken between two honest nodes; nothing is left in rows or memory.
//
// Wallets, package sweep and package funding are the real ones. A node may lose what
// was not worth its fee on the dearest day, and what no miner took in time.
//
// What is not here: gossip; everybody knows every channel. A payment that is dust and
// whose payer's own peer is silent for ever: it has no output for whose sake a channel
// is closed, and stays.
package sim

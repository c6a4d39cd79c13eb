package bitcoind_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/bitcoind"
)

// parrot answers every question with the same words.
type parrot []byte

func (p parrot) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(p)), Request: r}, nil
}

func FuzzWhatAServerAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"result":{"chain":"main","blocks":1,"bestblockhash":"00"},"error":null}`, `{"result":"00ff","error":null}`,
		`{"result":{"feerate":0.00001,"mempoolminfee":1e400,"tx":["00"],"value":-1},"error":null}`,
		`{"result":null,"error":{"code":-26,"message":"txn-already-known"}}`, `{"error":{"code":-1,"message":"not found"}}`, `null`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(_ *testing.T, answer []byte) {
		s, err := bitcoind.New(bitcoind.Config{URL: "http://127.0.0.1:8332"})
		if err != nil {
			panic(err)
		}
		s.Through(parrot(answer))
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // it is not waited for
		_, _ = s.Ready(ctx)
		_, _ = s.Tip(ctx)
		_, _ = s.Best(ctx)
		_, _, _ = s.BlockAt(ctx, 1)
		_, _, _ = s.Parent(ctx, chain.BlockRef{Height: 1})
		_ = s.Changed(ctx, chain.BlockRef{Height: 1})
		_, _, _ = s.Output(ctx, wire.NewShortChannelID(1, 0, 0))
		_, _ = s.FeeRate(ctx, 6)
		_ = s.Broadcast(ctx, btcwire.NewMsgTx(2))
		_ = s.BroadcastPackage(ctx, btcwire.NewMsgTx(2), btcwire.NewMsgTx(2))
	})
}

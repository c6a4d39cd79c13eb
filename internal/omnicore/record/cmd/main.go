// Command cmd writes what an Omni Core server says of the scenes of package record.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"github.com/leyden-ln/leyden/internal/chain/bitcoind"
	"github.com/leyden-ln/leyden/internal/omnicore/record"
)

func main() {
	url := flag.String("server", "http://u:p@127.0.0.1:18555", "the RPC of a new server on regtest")
	seed := flag.Uint64("seed", 1, "what happens by chance")
	many := flag.Int("many", 400, "how many transactions the fair has")
	flag.Parse()
	if err := run(*url, *seed, *many); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(url string, seed uint64, many int) error {
	server, err := bitcoind.New(bitcoind.Config{URL: url})
	if err != nil {
		return err
	}
	r, err := record.Make(context.Background(), server, record.Questions(), record.Shop(), record.Market(), record.Fair(seed, many))
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", " ")
	return out.Encode(r)
}

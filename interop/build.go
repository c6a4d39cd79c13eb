package interop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Binaries are the programs that the cases run.
type Binaries struct {
	Leyden     string
	LND        string
	Bitcoind   string
	BitcoinCLI string
	Btcd       string
	Btcctl     string
	CLightning string // empty: there is none
}

// lndTags are the parts of lnd's interface that its releases have.
const lndTags = "autopilotrpc chainrpc invoicesrpc peersrpc routerrpc signrpc walletrpc"

const (
	lndModule  = "github.com/lightningnetwork/lnd"
	btcdModule = "github.com/btcsuite/btcd"
)

// toolsModule has btcd, since lnd holds this one back to a btcd whose regtest has no
// segwit in its first blocks.
const toolsModule = "../tools"

// Find finds the programs, and builds those that it can: lnd and btcd once for each
// version, Leyden from this tree always unless LEYDEN names one. It must run inside
// this module. What it builds is in the folder that LEYDEN_PEERS names, or in the
// user's cache.
func Find(ctx context.Context) (b Binaries, err error) {
	if b.Bitcoind, err = find("BITCOIND", "bitcoind"); err != nil {
		return b, err
	}
	if b.BitcoinCLI, err = find("BITCOIN_CLI", "bitcoin-cli"); err != nil {
		beside := filepath.Join(filepath.Dir(b.Bitcoind), "bitcoin-cli")
		if _, missing := os.Stat(beside); missing != nil {
			return b, err
		}
		b.BitcoinCLI = beside
	}
	b.CLightning = os.Getenv("LIGHTNINGD")
	dir := os.Getenv("LEYDEN_PEERS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return b, err
		}
		dir = filepath.Join(cache, "leyden-interop")
	}
	if b.LND, err = buildOnce(ctx, dir, "lnd", ".", lndModule, lndModule+"/cmd/lnd", "-tags", lndTags); err != nil {
		return b, err
	}
	if os.Getenv("BTCD") != "" {
		b.Btcd, err = find("BTCD", "btcd")
	} else {
		b.Btcd, err = buildOnce(ctx, dir, "btcd", toolsModule, btcdModule, btcdModule)
	}
	if err != nil {
		return b, err
	}
	if b.Btcctl, err = buildOnce(ctx, dir, "btcctl", toolsModule, btcdModule, btcdModule+"/cmd/btcctl"); err != nil {
		return b, err
	}
	if os.Getenv("LEYDEN") != "" {
		b.Leyden, err = find("LEYDEN", "leyden")
		return b, err
	}
	b.Leyden = filepath.Join(dir, "leyden")
	return b, build(ctx, b.Leyden, "-C", "..", "./cmd/leyden")
}

// buildOnce builds a program of the version in the go.mod of a folder unless it is
// there.
func buildOnce(ctx context.Context, dir, name, in, module, program string, args ...string) (string, error) {
	version, err := goTool(ctx, "list", "-C", in, "-m", "-f", "{{.Version}}", module)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name+"-"+version)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return path, err
	}
	return path, build(ctx, path, append([]string{"-C", in}, append(args, program)...)...)
}

func find(variable, name string) (string, error) {
	if path := os.Getenv(variable); path != "" {
		return exec.LookPath(path)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: put it there or name it in %s", err, variable)
	}
	return path, nil
}

// build builds a program, from a folder that -C names first, and puts it in its place
// in one step, so that nobody runs half of it.
func build(ctx context.Context, path string, args ...string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	fresh := fmt.Sprintf("%s.%d", path, os.Getpid())
	defer os.Remove(fresh)
	all := append([]string{"build", args[0], args[1], "-trimpath", "-ldflags", "-s -w", "-o", fresh}, args[2:]...)
	if _, err := goTool(ctx, all...); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

func goTool(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, said.String())
	}
	return strings.TrimSpace(string(out)), nil
}

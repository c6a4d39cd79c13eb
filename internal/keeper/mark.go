package keeper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/atomicfile"
)

// The files in the data folder.
const (
	BackupFile = "channels.backup"
	markFile   = "leyden.mark"
)

// mark is how far a database had come, in a file of its own.
type mark struct {
	node       wire.NodeID
	generation uint64 // how often the node was started
	steps      uint64 // of its channels, see [store.Store.Steps]
}

const markForm = "leyden-mark 1\nnode %s\ngeneration %d\nsteps %d\n"

func (m *mark) encode() []byte { return fmt.Appendf(nil, markForm, m.node, m.generation, m.steps) }

// errMark means that a mark cannot be read: it says nothing.
var errMark = errors.New("not a mark")

func decodeMark(b []byte) (m mark, err error) {
	var node string
	if _, err := fmt.Sscanf(string(b), markForm, &node, &m.generation, &m.steps); err != nil {
		return mark{}, fmt.Errorf("%w: %w", errMark, err)
	}
	if err := m.node.UnmarshalText([]byte(node)); err != nil {
		return mark{}, fmt.Errorf("%w: %w", errMark, err)
	}
	if string(m.encode()) != string(b) {
		return mark{}, errMark
	}
	return m, nil
}

// readMark reads the mark of a folder; a zero one when there is none. Error: errMark,
// and what the disk says.
func readMark(dir string) (mark, error) {
	b, err := os.ReadFile(filepath.Join(dir, markFile))
	if errors.Is(err, fs.ErrNotExist) {
		return mark{}, nil
	}
	if err != nil {
		return mark{}, err
	}
	return decodeMark(b)
}

// writeMark lets the mark follow the database, if that has moved. It is only a
// witness: when it cannot be written, the node goes on.
func (k *Keeper) writeMark(ctx context.Context) {
	steps, err := k.cfg.Store.Steps(ctx)
	if err != nil {
		k.cfg.Log.Warn("the mark is not written", "why", err)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	m := mark{node: k.cfg.Node, generation: k.generation, steps: steps}
	if m == k.marked {
		return
	}
	if err := atomicfile.Replace(filepath.Join(k.cfg.Dir, markFile), m.encode()); err != nil {
		k.cfg.Log.Warn("the mark is not written: an old copy of the database may not be recognised", "why", err)
		return
	}
	k.marked = m
}

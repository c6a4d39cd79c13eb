package node

import (
	"context"

	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/store"
)

// ChangeData looks at what programs have stored and writes what follows from it, while
// nobody else does.
func (n *Node) ChangeData(ctx context.Context, change func(s *store.Store) (durable.Row, error)) error {
	n.dataMu.Lock()
	defer n.dataMu.Unlock()
	row, err := change(n.store)
	if err != nil {
		return err
	}
	if err = n.store.Write(ctx, row); n.failed(ctx, err) {
		n.fatal(err)
	}
	return err
}

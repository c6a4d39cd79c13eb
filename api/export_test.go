package api

import (
	"slices"
	"testing"

	"github.com/leyden-ln/leyden/api/command"
)

// Add adds a command to the table until the test ends.
func Add(t *testing.T, c command.Command) {
	before := table
	table = append(slices.Clone(table), c)
	t.Cleanup(func() { table = before })
}

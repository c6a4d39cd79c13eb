package main

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/leyden-ln/leyden/web/door"
)

func TestThePasswordOfThePagesIsSetBeforeTheFirstStart(t *testing.T) {
	dir, file := filepath.Join(t.TempDir(), "node"), filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("correct horse battery\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) error {
		c := webCommand(&dir)
		c.SilenceUsage, c.SilenceErrors = true, true
		c.SetArgs(args)
		return c.ExecuteContext(t.Context())
	}
	if err := run("--password-file", file); err != nil {
		t.Fatal(err)
	}
	d := door.New(dir, "leyden_test")
	if _, err := d.Enter(netip.Addr{}, d.Password("correct horse battery")); err != nil {
		t.Error(err)
	}
	if err := run("--without-password"); err != nil || !d.Without() {
		t.Errorf("without one: %v", err)
	}
	if err := run("--role", "boss"); !errors.Is(err, door.ErrRole) {
		t.Errorf("a role that there is not: %v", err)
	}
	if err := run("--role", "look"); !errors.Is(err, door.ErrOff) {
		t.Errorf("without pages: %v", err)
	}
	if err := os.WriteFile(file, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run("--password-file", file); !errors.Is(err, door.ErrPassword) {
		t.Errorf("a short one: %v", err)
	}
}

// Package atomicfile writes files beside the database that must be whole or not there
// at all, and last through a crash: the seed, the static backup, the mark. And it locks
// their folder.
package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// Replace puts content into the file at path, for its owner alone, in the place of
// what is there. When it returns nil, a crash at any instruction finds the new
// content; before that, the old one or the new one.
func Replace(path string, content []byte) error {
	return write(path, content, os.Rename)
}

// Create is [Replace] where no file may be in the way. Error: [os.ErrExist].
func Create(path string, content []byte) error {
	return write(path, content, os.Link) // a rename would replace somebody else's
}

func write(path string, content []byte, place func(from, to string) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // unless it was renamed
	if _, err = f.Write(content); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := place(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// Clean takes away what deaths in the middle of [Replace] or [Create] have left beside
// a file: it may hold what the file was encrypted or replaced for. Nobody may be
// writing the file.
func Clean(path string) error {
	dir, prefix := filepath.Dir(path), "."+filepath.Base(path)+"-"
	all, err := os.ReadDir(dir)
	for _, f := range all {
		if strings.HasPrefix(f.Name(), prefix) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, f.Name())))
		}
	}
	return err
}

// SyncDir makes what was created in a folder, or renamed, last through a crash.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

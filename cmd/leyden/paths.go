package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// socketName is the JSON-RPC socket in a node's data folder, where Core
// Lightning's clients look for it.
const socketName = "lightning-rpc"

// longestSocket is how long the path of a unix socket may be.
const longestSocket = 104

// demoDir is where the demonstration keeps its nodes while it runs.
func demoDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("leyden-demo-%d", os.Getuid()))
}

// defaultDir is the data folder of a node when none is named.
func defaultDir() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ".leyden"
	}
	return filepath.Join(home, ".leyden")
}

// place is where a node is to be found.
type place struct {
	dir  string // its data folder
	file string // its socket, when that is elsewhere
}

func (p *place) socket() (string, error) {
	if p.file != "" {
		return checked(p.file)
	}
	return socketPath(p.dir)
}

func socketPath(dir string) (string, error) { return checked(filepath.Join(dir, socketName)) }

func checked(path string) (string, error) {
	if len(path) > longestSocket {
		return "", fmt.Errorf("the path %s is too long for a socket: choose a --dir with a shorter one", path)
	}
	return path, nil
}

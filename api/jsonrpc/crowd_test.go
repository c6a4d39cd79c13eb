package jsonrpc

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/internal/race"
)

// openFiles is how many files this process may have open, once it has asked for as many
// as it is given.
func openFiles(t *testing.T) uint64 {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Log("the limit of open files stays:", err)
	}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return limit.Cur
}

// inUse is what the process has in heap and stacks.
func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// TestTenThousandConnectionsAtOnceAreBounded opens as many as the limit of files lets it,
// all of which stay open at the client's end. Those within the bound hang in the middle of
// a request.
func TestTenThousandConnectionsAtOnceAreBounded(t *testing.T) {
	const wanted, spare = 10_000, 200
	most, all := MaxClients, wanted/race.Step(10)
	if limit := int(min(openFiles(t), 1<<20)); all+min(most, all)+spare > limit { //nolint:gosec // bounded
		most = min(most, limit/4)
		all = min(all, limit-most-spare)
	}
	most = min(most, all/2)
	if most < 8 {
		t.Fatalf("no %d files can be open", spare)
	}
	t.Logf("%d connections, of which %d are served", all, most)
	path := serve(t, most)
	before := inUse()
	conns := make([]net.Conn, 0, all)
	t.Cleanup(func() {
		for _, c := range conns {
			c.Close()
		}
	})
	for len(conns) < all {
		c := dial(t, path)
		conns = append(conns, c)
		if len(conns) <= most {
			// Answered once, so that it has its place, and then hanging.
			ask(t, c, `{"id":1,"method":"help","params":["pay"]}`)
			if _, err := io.WriteString(c, `{"id":2,"method":"help","params":["pa`); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if b, err := io.ReadAll(c); err != nil || len(b) > 0 && !strings.Contains(string(b), "connections already: close one") {
			t.Fatalf("connection %d: %q, %v", len(conns), b, err)
		}
	}
	if grown := int64(inUse()) - int64(before); grown > int64(all)*32<<10 { //nolint:gosec // far below
		t.Errorf("%d connections take %d KiB", all, grown>>10)
	} else {
		t.Logf("they take %d KiB", grown>>10)
	}
	for i, c := range conns[:most] {
		if line := ask(t, c, `y"]}`); !strings.Contains(line, `"id":2`) {
			t.Fatalf("connection %d: %s", i, line)
		}
	}
}

// dial waits while as many stand in line as may.
func dial(t *testing.T, path string) net.Conn {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() {
		c, err := (&net.Dialer{}).DialContext(context.Background(), "unix", path)
		if errors.Is(err, syscall.EAGAIN) && time.Now().Before(deadline) {
			continue
		}
		if err == nil {
			err = c.SetDeadline(deadline)
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

func ask(t *testing.T, c net.Conn, request string) (line string) {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	if err == nil {
		_, err = r.ReadString('\n')
	}
	if err != nil {
		t.Fatal(err)
	}
	return line
}

package interop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a program that is started, killed and started again.
type process struct {
	name string
	args []string // the program first
	env  []string
	log  string // path of the file that collects its output over all its lives

	mu     sync.Mutex // of what follows
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended
}

// run starts the program. It does not wait until it is ready.
func (p *process) run() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		return fmt.Errorf("%s runs already", p.name)
	}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()                                                          // the program has its own
	cmd := exec.CommandContext(context.Background(), p.args[0], p.args[1:]...) // it lives until end
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	endWithUs(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	p.cmd, p.exited = cmd, exited
	go func() {
		defer close(exited)
		_ = cmd.Wait() // its ProcessState tells
	}()
	return nil
}

// errEnded means that a program ended by itself.
var errEnded = errors.New("ended by itself")

// end stops the program with a signal and waits for its end, for so long at the
// most; then it kills it. Error: [errEnded], or that it had to be killed.
func (p *process) end(s os.Signal, within time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	cmd := p.cmd
	p.cmd = nil
	select {
	case <-p.exited:
		return fmt.Errorf("%s %w: %v", p.name, errEnded, cmd.ProcessState)
	default:
	}
	if err := cmd.Process.Signal(s); err != nil {
		return err
	}
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-p.exited:
		return nil
	case <-late.C:
		_ = cmd.Process.Kill()
		<-p.exited
		return fmt.Errorf("%s did not end within %v and was killed", p.name, within)
	}
}

// Kill ends the process as a power cut would.
func (p *process) Kill() error { return p.end(syscall.SIGKILL, time.Minute) }

// Stop asks the process to end.
func (p *process) Stop() error { return p.end(syscall.SIGTERM, time.Minute) }

// alive is an error when the program has ended.
func (p *process) alive() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return fmt.Errorf("%s does not run", p.name)
	}
	select {
	case <-p.exited:
		return fmt.Errorf("%s %w: %v", p.name, errEnded, p.cmd.ProcessState)
	default:
		return nil
	}
}

// Name is what the tests call the process.
func (p *process) Name() string { return p.name }

// Log is what it has written, from its first life on.
func (p *process) Log() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// tail is the end of a text, from a whole line on.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(all) > lines {
		all = append([]string{fmt.Sprintf("… %d lines …", len(all)-lines)}, all[len(all)-lines:]...)
	}
	return strings.Join(all, "\n")
}

// How often something is looked at that does not tell of its change: the longer it
// takes the less often.
const (
	lookEvery    = 50 * time.Millisecond
	lookAtLeast  = 2 * time.Second
	lookFraction = 20 // of the time that it has taken so far
)

// await looks until something is so. A look's error is the reason why it is not
// so yet; what is alive must stay so meanwhile.
func await(ctx context.Context, what string, look func(context.Context) error, alive ...func() error) error {
	began, tick := time.Now(), time.NewTimer(0)
	defer tick.Stop()
	var err error
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited too long for %s: %w", what, err)
		}
		last := err
		if err = look(ctx); err == nil {
			return nil
		}
		if last != nil && (ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded)) {
			err = last // rather than that the look itself was cut short
		}
		for _, a := range alive {
			if dead := a(); dead != nil {
				return fmt.Errorf("waiting for %s: %w", what, dead)
			}
		}
		tick.Reset(min(max(time.Since(began)/lookFraction, lookEvery), lookAtLeast))
	}
}

// Loopback ports below the range from which systems take the ports of outgoing
// connections: they must still be free when a program comes back.
const (
	firstPort = 20_000
	lastPort  = 32_000
	blockSize = 100
)

// block is a range of ports that this process claims by listening on the first one
// as long as it lives: runs side by side take none from each other.
var block struct {
	sync.Mutex
	claims    []net.Listener
	next, end int
}

// freePort finds a port of ours that is free.
func freePort(ctx context.Context) (string, error) {
	block.Lock()
	defer block.Unlock()
	for {
		for ; block.next < block.end; block.next++ {
			l, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", block.next))
			if err == nil {
				block.next++
				return l.Addr().String(), l.Close()
			}
		}
		if err := claimPorts(ctx); err != nil {
			return "", err
		}
	}
}

func claimPorts(ctx context.Context) error {
	for port := max(block.end, firstPort); port < lastPort; port += blockSize {
		if l, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			block.claims = append(block.claims, l)
			block.next, block.end = port+1, port+blockSize
			return nil
		}
	}
	return errors.New("no ports are free")
}

// freePorts finds so many.
func freePorts(ctx context.Context, count int) ([]string, error) {
	out := make([]string, count)
	for i := range out {
		var err error
		if out[i], err = freePort(ctx); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Command cmd runs the simulation for as many seeds as it is told:
//
//	go run ./internal/sim/cmd -seeds 100000
//	go run ./internal/sim/cmd -seeds 1000000 -for 1h
//
// It prints what was tried, now and then and at the end, when its time is over or when
// it is interrupted, and each seed that fails, made smaller.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/leyden-ln/leyden/internal/sim"
)

func main() {
	first := flag.Uint64("first", 0, "the first seed")
	seeds := flag.Uint64("seeds", 1000, "how many seeds")
	workers := flag.Int("workers", runtime.NumCPU(), "how many runs at a time")
	failures := flag.Int("failures", 3, "stop after so many seeds that fail")
	shrink := flag.Int("shrink", 200, "runs to make a failing seed smaller; 0: show it as it is")
	assets := flag.Bool("assets", false, "runs in which channels carry tokens, too")
	limit := flag.Duration("for", 0, "begin no run after so long; 0: no limit")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *limit)
		defer cancel()
	}

	var (
		mu     sync.Mutex
		sum    sim.Stats
		next   = *first
		done   int
		failed int
	)
	began := time.Now()
	report := func() {
		fmt.Printf("%d seeds, %d failed, %s: %+v\n", done, failed, time.Since(began).Round(time.Second), sum)
	}
	var wg sync.WaitGroup
	for range *workers {
		wg.Go(func() {
			for {
				mu.Lock()
				seed := next
				if seed >= *first+*seeds || failed >= *failures || ctx.Err() != nil {
					mu.Unlock()
					return
				}
				next++
				mu.Unlock()

				cfg := sim.Config{Seed: seed, Assets: *assets}
				r := sim.Run(cfg)
				if r.Failure != nil && *shrink > 0 {
					r.Failure = sim.Shrink(cfg, *shrink)
				}
				mu.Lock()
				sum.Add(r.Stats)
				if done++; done%1000 == 0 {
					report()
				}
				if r.Failure != nil {
					failed++
					fmt.Print(r.Failure.String())
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	report()
	if failed > 0 {
		stop()
		os.Exit(1)
	}
}

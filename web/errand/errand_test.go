package errand

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestAnErrandThatIsUnderWayIsNotBegunAgain(t *testing.T) {
	var e Errands
	e.Begin()
	answer, why := make(chan struct{}), errors.New("no way")
	begun := make(chan int, 10)
	run := func(context.Context) error {
		begun <- 1
		<-answer
		return why
	}
	for range 2 {
		if !e.Start("pay", run) {
			t.Error("there was no room")
		}
	}
	if e.Find("pay").Over() || e.Find("other") != nil {
		t.Error("it was not begun")
	}
	close(answer)
	it := e.Find("pay")
	<-it.Done
	if !it.Over() || !errors.Is(it.Err, why) || len(begun) != 1 {
		t.Errorf("%d were begun: %v", len(begun), it.Err)
	}
	if !e.Start("pay", run) {
		t.Error("it cannot be begun again when it is over")
	}
	<-e.Find("pay").Done
	e.Wait()
}

func TestOnlySoManyAreRemembered(t *testing.T) {
	var e Errands
	e.Begin()
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for i := range most {
		if !e.Start(fmt.Sprint(i), wait) {
			t.Fatalf("there was no room for number %d", i)
		}
	}
	if e.Start("one more", wait) {
		t.Error("there was room for one more")
	}
	e.Wait() // ends them
	if !e.Start("one more", func(context.Context) error { return nil }) || e.Find("0") != nil || e.Find("1") == nil {
		t.Error("the oldest that is over was not forgotten")
	}
	e.Wait()
}

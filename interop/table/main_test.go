package main

import (
	"strings"
	"testing"
)

func TestEachCaseIsALine(t *testing.T) {
	in := `{"Action":"output","Output":"the peers are ready after 0s\n"}
{"Action":"run","Test":"TestA"}
{"Action":"run","Test":"TestA/one"}
{"Action":"run","Test":"TestA/two"}
{"Action":"output","Test":"TestA/two","Output":"    a_test.go:3: it is wrong\n"}
{"Action":"pass","Test":"TestA/one","Elapsed":1.25}
{"Action":"fail","Test":"TestA/two","Elapsed":12}
{"Action":"fail","Test":"TestA","Elapsed":0}
{"Action":"run","Test":"TestB"}
{"Action":"output","Test":"TestB","Output":"=== RUN   TestB\n"}
{"Action":"output","Test":"TestB","Output":"    b_test.go:3: why\n"}
{"Action":"output","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}
{"Action":"skip","Test":"TestB","Elapsed":0}
{"Action":"fail","Elapsed":14}
`
	want := `pass        1.2s  TestA/one
FAIL       12.0s  TestA/two
    a_test.go:3: it is wrong
not run     0.0s  TestB
    b_test.go:3: why
1 passed, 1 failed, 1 not run
`
	var out strings.Builder
	if err := run(strings.NewReader(in), &out); err == nil {
		t.Error("the failure is not noticed")
	}
	if out.String() != want {
		t.Errorf("it prints\n%s", out.String())
	}
}

func TestNothingAtAllIsAFailure(t *testing.T) {
	var out strings.Builder
	if err := run(strings.NewReader("go: no such package\n"), &out); err == nil {
		t.Error("it is not noticed")
	}
	if !strings.Contains(out.String(), "no such package") {
		t.Errorf("it prints\n%s", out.String())
	}
}

// When the peers are not there, TestMain says why and no case begins.
func TestAPackageThatFailsAloneSaysWhy(t *testing.T) {
	var out strings.Builder
	in := `{"Action":"output","Output":"bitcoind: not found\n"}
{"Action":"fail","Elapsed":0.1}
`
	if err := run(strings.NewReader(in), &out); err == nil {
		t.Error("it is not noticed")
	}
	if !strings.Contains(out.String(), "bitcoind: not found") {
		t.Errorf("it prints\n%s", out.String())
	}
}

# Tasks. Each is also what continuous integration runs.
GO ?= go
FUZZTIME ?= 10s

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

bench: ## a node with a million invoices and payments: docs/performance.md (BENCHFLAGS for fewer)
	$(GO) run ./bench $(or $(BENCHFLAGS),-invoices 1000000 -payments 1000000)

build: ## the static binary, stripped, as ./leyden
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o leyden ./cmd/leyden

demo: ## a whole network in one process
	$(GO) run ./cmd/leyden demo

test: ## the tests
	$(GO) test ./...

race: ## the tests of what has goroutines, under the race detector
	$(GO) test -race ./...

vet: ## gofmt and go vet
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt -w $$unformatted"; exit 1; }
	$(GO) vet ./...

lint: ## golangci-lint with .golangci.yml
	golangci-lint run ./...

generate: ## the queries (internal/store/db), from queries/*.sql and migrations/*.sql; the tables of tests' databases
	cd internal/store && $(GO) tool -modfile=../../tools/go.mod sqlc generate
	$(GO) test ./internal/store/ready -update

docs: ## docs/commands, from the table of commands
	$(GO) run ./cmd/leyden docs docs/commands

man: ## a manual page a command, in man: MANPATH=$PWD/man man leyden-invoice
	@mkdir -p man/man1
	$(GO) run ./cmd/leyden man man/man1

fuzz: ## each fuzz target for FUZZTIME
	./.ci/fuzz $(FUZZTIME)

SEEDS ?= 2000
SIMCOVER = /tmp/leyden-sim.cover
sim: ## the simulation: SEEDS runs, FOR=1h at the most, and what of the protocol's rooms they reach
	@rm -rf $(SIMCOVER) && mkdir $(SIMCOVER)
	$(GO) build -cover -coverpkg=./internal/sim/cmd,./internal/channel,./internal/enforce,./internal/relay,./internal/pay,./internal/invoice -o /tmp/leyden-sim ./internal/sim/cmd
	@GOCOVERDIR=$(SIMCOVER) /tmp/leyden-sim -seeds $(SEEDS) $(if $(FOR),-for $(FOR)) $(SIMFLAGS); s=$$?; \
		$(GO) tool covdata percent -i=$(SIMCOVER); exit $$s

mutants: ## faults put in on purpose, and what notices each; ROOM=folder: which of its rules no test guards
	$(GO) build -C tools -o /tmp/leyden-mutants ./mutants && /tmp/leyden-mutants $(if $(ROOM),$(ROOM),-timeout 10m -faults tools/mutants/faults.txt)

SCREENSHOTS ?= /tmp/leyden-screenshots
screenshots: ## each page in light, dark, narrow and wide, as pictures in SCREENSHOTS; and the README's in docs/pictures
	@rm -rf $(SCREENSHOTS) && mkdir -p $(SCREENSHOTS) docs/pictures
	SCREENSHOTS=$(SCREENSHOTS) $(GO) test -count=1 -run 'TestEveryPageFits' ./web
	cp $(SCREENSHOTS)/receive-with-qr.png $(SCREENSHOTS)/inside-a-payment.png docs/pictures
	@ls $(SCREENSHOTS)

interop: ## Leyden beside lnd on a bitcoind: each case with pass or fail and its time
	cd interop && export BITCOIND=$${BITCOIND:-$$(../.ci/bitcoind)} && $(GO) build -o /tmp/leyden-table ./table && \
		$(GO) test -count=1 -json -timeout 90m $(INTEROPFLAGS) . | /tmp/leyden-table

check: vet lint test race fuzz ## everything that must hold before a change goes in

.PHONY: help bench build demo test race vet lint generate docs man fuzz sim mutants screenshots interop check

# For fingers' habit: `make test` is `./dev test`. ARGS="..." goes on to it.
.PHONY: all run build test bench fuzz format deps
all: build
run build test bench fuzz format deps:
	@./dev $@ $(ARGS)

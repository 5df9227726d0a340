# Thin: `./zt` does the work, also where there is no make. `make test ARGS="-k grant"` passes arguments on.
.PHONY: demo lint setup test

demo:
	@./zt demo

setup:
	@./zt setup

test:
	@./zt test $(ARGS)

lint:
	@./zt lint

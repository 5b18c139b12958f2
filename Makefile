# Rempart: one hand-written makefile, nothing to configure.
#
#   make            build the four programs into build/
#   make run        install packages, build, start a development stack, prove it, serve until Ctrl-C
#   make check      install packages, build, run every test
#   make lint       layering, size and banned-function rules
#   make asan tsan  the unit tests under sanitizers
#   make fuzz       every fuzzer for FUZZ_SECONDS
#   make bench      ratios against peers measured in the same run
#   make install    into DESTDIR and PREFIX
#   make deps       the Debian packages that building and testing need

VERSION := 0.1.0
# V=1 shows the commands.
Q       := $(if $(V),,@)
BUILD   ?= build
# One name for one file: an object made as $(CURDIR)/build/x.o would leave dependencies that a later
# make of build/x.o does not find, and stay old.
override BUILD := $(patsubst $(CURDIR)/%,%,$(BUILD))
ifeq ($(origin CC),default)
CC      := gcc
endif
PREFIX  ?= /usr
SHELL   := /bin/bash
SAN     ?=
OPT     ?= -O2 -g

LLHTTP  := /usr/share/llhttp
WARN    := -Wall -Wextra -Werror -Wshadow -Wswitch-enum -Wvla -Wstrict-prototypes \
           -Wmissing-prototypes -Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings -Wconversion \
           -Wno-sign-conversion -Wno-missing-field-initializers
# clang 14 wants a second flag for zero; a pattern protects as well.
AUTO_INIT := $(if $(findstring clang,$(CC)),pattern,zero)
HARDEN  := -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=$(AUTO_INIT) -fPIE \
           -fcf-protection
ifeq ($(SAN),)
HARDEN  += -D_FORTIFY_SOURCE=2
endif
CFLAGS  += -std=gnu2x $(OPT) $(WARN) $(HARDEN) $(SAN) -ffunction-sections -fdata-sections \
           -D_GNU_SOURCE -DREMPART_VERSION='"$(VERSION)"' -I.
LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections -pthread $(SAN)

# Which module folders make which program. common.a is every pure module.
COMMON   := base codec crypto sigv4 s3op objfmt logfmt policy kmsproto
SERVER   := conf net kv store index vault
COMMON_SRC  := $(foreach m,$(COMMON),$(wildcard common/$(m)/*.c))
SERVER_SRC  := $(foreach m,$(SERVER),$(wildcard server/$(m)/*.c))
GATEWAY_SRC := $(filter-out %/main.c,$(wildcard server/gateway/*.c))
KMS_SRC     := $(filter-out %/main.c,$(wildcard server/kms/*.c server/kms/keylog/*.c))
CLIENT_SRC  := $(wildcard client/lib/*.c)
CLI_SRC     := $(wildcard client/cli/*.c)
AUDIT_SRC   := $(filter-out %/main.c,$(wildcard client/auditor/*.c))

LIBS_COMMON := -lsodium -lcrypto -ljansson -lexpat -lz
LIBS_CLIENT := -lcurl $(LIBS_COMMON)
LIBS_SERVER := -luv -lssl -llmdb -linih $(LIBS_CLIENT)

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))

PROGRAMS := $(BUILD)/rempart-gateway $(BUILD)/rempart-kms $(BUILD)/rempart $(BUILD)/rempart-audit

.PHONY: all run check unit unit-programs lint asan tsan fuzz fuzz-programs bench bench-programs deps clean install interop
all: $(PROGRAMS)
# A program may be asked for by its full name.
$(CURDIR)/$(BUILD)/%: $(BUILD)/% ;

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

# The generated parser of Debian's node-llhttp; not ours, so without our warnings.
$(BUILD)/llhttp/%.o: $(LLHTTP)/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out $(WARN),$(CFLAGS)) -DLLHTTP_STRICT_MODE=1 -I/usr/share/include/llhttp -c $< -o $@
server_net_cflags := -isystem /usr/share/include/llhttp
$(BUILD)/server/net/%.o: CFLAGS += $(server_net_cflags)
LLHTTP_OBJ := $(patsubst %,$(BUILD)/llhttp/%.o,api http llhttp)

define archive
$(BUILD)/$(1).a: $(call obj,$(2)) $(3)
	@rm -f $$@
	$(Q)ar rcs $$@ $$^
endef
$(eval $(call archive,common,$(COMMON_SRC)))
$(eval $(call archive,server,$(SERVER_SRC),$(LLHTTP_OBJ)))
$(eval $(call archive,gateway,$(GATEWAY_SRC)))
$(eval $(call archive,kms,$(KMS_SRC)))
$(eval $(call archive,client,$(CLIENT_SRC)))
$(eval $(call archive,auditor,$(AUDIT_SRC)))
ar = $(patsubst %,$(BUILD)/%.a,$(1))

$(BUILD)/rempart-gateway: $(BUILD)/server/gateway/main.o $(call ar,gateway server client common)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_SERVER)
$(BUILD)/rempart-kms: $(BUILD)/server/kms/main.o $(call ar,kms server client common)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_SERVER)
$(BUILD)/rempart: $(call obj,$(CLI_SRC)) $(call ar,client common)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_CLIENT)
$(BUILD)/rempart-audit: $(BUILD)/client/auditor/main.o $(call ar,auditor client common)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_CLIENT)

# One program per unit test file: tests/unit/<path of the module>/test_<name>.c
UNIT_SRC := $(shell find tests/unit -name 'test_*.c' 2>/dev/null | sort)
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))
# A test links only what its part of the tree may use: tests of common/ link common.a alone.
unit_libs = $(if $(findstring /unit/common/,$(1)),$(call ar,common),\
            $(if $(findstring /unit/client/auditor/,$(1)),$(call ar,auditor client common),\
            $(if $(findstring /unit/client/,$(1)),$(call ar,client common),\
            $(if $(findstring /unit/server/kms/,$(1)),$(call ar,kms server client common),\
            $(if $(findstring /unit/server/gateway/,$(1)),$(call ar,gateway server client common),\
            $(call ar,server client common))))))
.SECONDARY:
.SECONDEXPANSION:
$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $$(call unit_libs,$$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS_SERVER)

unit: $(UNIT)
	tests/lib/run-unit $(UNIT)
unit-programs: $(UNIT)
# What asan and tsan make: the unit tests, built and run. tests/run builds them and runs them itself.
GOAL ?= unit

# Fuzzers: tests/fuzz/fuzz_<name>.c, clang's libFuzzer, everything instrumented.
FUZZ_SECONDS ?= 60
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
fuzz:
	tests/fuzz/run $(FUZZ_SECONDS)
fuzz-programs: $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SRC))
# A fuzzer links what its includes name: common.a alone, or the server's archives too.
FUZZ_SERVER  := $(if $(FUZZ_SRC),$(shell grep -l '"server/' $(FUZZ_SRC)))
FUZZ_KMS     := $(if $(FUZZ_SRC),$(shell grep -l '"server/kms/' $(FUZZ_SRC)))
FUZZ_GATEWAY := $(if $(FUZZ_SRC),$(shell grep -l '"server/gateway/' $(FUZZ_SRC)))
fuzz_libs = $(if $(findstring /$(1).c,$(FUZZ_GATEWAY)),$(call ar,gateway)) \
            $(if $(findstring /$(1).c,$(FUZZ_KMS)),$(call ar,kms)) \
            $(if $(findstring /$(1).c,$(FUZZ_SERVER)),$(call ar,server client)) $(call ar,common)
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $$(call fuzz_libs,$$(@F))
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS_SERVER)

asan:
	$(MAKE) BUILD=build/asan OPT='-O1 -g -fno-omit-frame-pointer' \
	  SAN='-fsanitize=address,undefined -fno-sanitize-recover=all' $(GOAL)
tsan:
	$(MAKE) BUILD=build/tsan OPT='-O1 -g' SAN='-fsanitize=thread' $(GOAL)

# Benchmark programs: tests/bench/<name>.c, each for tests/bench/run or by hand.
BENCH := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
bench-programs: $(BENCH)
$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(call ar,gateway kms server client common)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_SERVER)

# Programs that scripts of tests/ use: tests/lib/<name>.c; a script makes what it needs.
$(BUILD)/lib/%: $(BUILD)/tests/lib/%.o $(call ar,kms server client common)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_SERVER)

lint:
	tests/lint/run

deps:
	deploy/dev/deps

run: deps
	$(MAKE) all
	deploy/dev/run

check: deps
	$(MAKE) all
	tests/run

# BENCH_ARGS=--quick for a smoke test.
bench: deps
	$(MAKE) all bench-programs
	tests/bench/run $(BENCH_ARGS)

interop: all
	tests/interop/run

install: all
	deploy/install "$(DESTDIR)" "$(PREFIX)" "$(BUILD)"

clean:
	rm -rf $(BUILD)

# build/interop holds other people's trees.
-include $(shell find $(BUILD) -path '*/interop' -prune -o -name '*.d' -type f -print 2>/dev/null)

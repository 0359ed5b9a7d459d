/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A check of every access to memory, in kernels made with KASAN=1; elsewhere all of this is nothing. mm/ calls it by the names
 * that arch/x86_64/machine.h gives it, which on the host are the host's sanitizer.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef KASAN
/* Bytes behind each object of a slab: who allocated it, who freed it. */
#define KASAN_REDZONE 32u

/* At boot, before the first frame is given out: this many pages for the shadow of so many frames, and where they are. */
uint64_t kasan_pages(uint64_t frames);
void kasan_init(void *at, uint64_t frames);
void kasan_range_free(uint32_t first, uint32_t end); /* frames that nobody has yet */

/* 2^order frames come to somebody, or go. */
void kasan_frame_given(uint32_t pfn, unsigned order);
void kasan_frame_freed(uint32_t pfn, unsigned order);

/* Bytes that nobody has been given, and bytes that somebody has: from an address that is a multiple of 8 on. */
void kasan_poison(const void *, size_t);
void kasan_unpoison(const void *, size_t);

/* A page becomes a slab: objects of so many bytes, redzone included, from `first` on. */
void kasan_slab(const void *page, const void *first, size_t stride, const char *cache);
void kasan_object_given(void *);
/* An object is freed: it goes to quarantine, and another comes out that may be used again (NULL: none yet). */
void *kasan_quarantine(void *);
/* For who counts: the oldest in quarantine, or NULL. */
void *kasan_evict(void);
#endif

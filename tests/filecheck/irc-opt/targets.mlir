// Code of each target, made on any machine: a product of matrices in its own vectors.
// RUN: irc-opt %s -p 'lower-array,vectorize,licm,expand-math,plan-memory' --target=avx512 --emit=asm | filecheck %s --check-prefix=AVX512
// RUN: irc-opt %s -p 'lower-array,vectorize,licm,expand-math,plan-memory' --target=avx2 --emit=asm | filecheck %s --check-prefix=AVX2
// RUN: irc-opt %s -p 'lower-array,vectorize,licm,expand-math,plan-memory' --target=generic --emit=asm | filecheck %s --check-prefix=GENERIC
// RUN: irc-opt %s -p 'lower-array,vectorize,licm,expand-math,plan-memory' --target=neon --emit=asm | filecheck %s --check-prefix=NEON

// AVX512-LABEL: irc.layer:
// AVX512: vfmadd{{[0-9]+}}ps {{.*}}%zmm

// Eight lanes, and none of the wider registers.
// AVX2-LABEL: irc.layer:
// AVX2-NOT: zmm
// AVX2: vfmadd{{[0-9]+}}ps {{.*}}%ymm
// AVX2-NOT: zmm

// What every processor of 64 bits has: four lanes, no fused multiplication.
// GENERIC-LABEL: irc.layer:
// GENERIC-NOT: {{ymm|zmm|vfm|fma}}
// GENERIC: mulps {{.*}}%xmm
// GENERIC: addps {{.*}}%xmm
// GENERIC-NOT: {{ymm|zmm|vfm|fma}}

// NEON-LABEL: irc.layer:
// NEON: fmla v{{[0-9]+}}.4s, v{{[0-9]+}}.4s
// NEON: ret
func.func @layer(%x: tensor<B x 32 x f32>, %w: tensor<32x48xf32>) -> tensor<B x 48 x f32> {
  %y = array.contract "bi,io->bo" %x, %w : tensor<B x 32 x f32>, tensor<32x48xf32>
  func.return %y : tensor<B x 48 x f32>
}

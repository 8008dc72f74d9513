// RUN: irc-opt %s -p fuse | filecheck %s --check-prefix=GROUPS
// RUN: irc-opt %s -p fuse,lower-array --target=avx512 | filecheck %s --check-prefix=LOOPS

// Projections of one array have one shape and nothing to do with each other: each is a group with its own bias. So biases
// are added to sums in registers; no loop goes over a result again.
// GROUPS-LABEL: func.func @projections
// GROUPS: array.fused
// GROUPS-NEXT: array.contract
// GROUPS-NEXT: array.broadcast
// GROUPS-NEXT: arith.addf
// GROUPS-NEXT: array.yield
// GROUPS-NEXT: }
// GROUPS-NEXT: array.fused
// GROUPS-NEXT: array.contract
// GROUPS-NEXT: array.broadcast
// GROUPS-NEXT: arith.addf
// GROUPS-NEXT: array.yield
// GROUPS-NEXT: }
// GROUPS-NEXT: func.return
// LOOPS-LABEL: func.func @projections
// LOOPS-NOT: loop.alloc
// LOOPS-NOT: vectorize
// LOOPS: loop.outer
// LOOPS: %[[B:.*]] = loop.load_tile %b[
// LOOPS-NEXT: arith.addf %{{.*}}, %[[B]] : vector<4x16xf32>
// LOOPS-NEXT: loop.store_tile
// LOOPS-NOT: vectorize
// LOOPS: loop.outer
// LOOPS: %[[C:.*]] = loop.load_tile %c[
// LOOPS-NEXT: arith.addf %{{.*}}, %[[C]] : vector<4x16xf32>
// LOOPS-NEXT: loop.store_tile
// LOOPS-NOT: vectorize
// LOOPS: func.return
func.func @projections(%x: tensor<4x8xf32>, %u: tensor<8x16xf32>, %v: tensor<8x16xf32>, %b: tensor<16xf32>, %c: tensor<16xf32>) -> (tensor<4x16xf32>, tensor<4x16xf32>) {
  %0 = array.contract "bi,io->bo" %x, %u : tensor<4x8xf32>, tensor<8x16xf32>
  %1 = array.contract "bi,io->bo" %x, %v : tensor<4x8xf32>, tensor<8x16xf32>
  %2 = array.broadcast %b dims [1] : tensor<16xf32> to tensor<4x16xf32>
  %3 = array.broadcast %c dims [1] : tensor<16xf32> to tensor<4x16xf32>
  %q = arith.addf %0, %2 : tensor<4x16xf32>
  %k = arith.addf %1, %3 : tensor<4x16xf32>
  func.return %q, %k : tensor<4x16xf32>, tensor<4x16xf32>
}

// Sums of two products are one group: one product is stored, the tiles of the other one take it in.
// GROUPS-LABEL: func.func @sum_of_two
// GROUPS: array.contract
// GROUPS-NEXT: array.fused
// GROUPS-NEXT: array.contract
// GROUPS-NEXT: arith.addf
// GROUPS-NEXT: array.yield
// LOOPS-LABEL: func.func @sum_of_two
// LOOPS-NOT: vectorize
// LOOPS: func.return
func.func @sum_of_two(%x: tensor<4x8xf32>, %h: tensor<4x6xf32>, %w: tensor<8x16xf32>, %u: tensor<6x16xf32>) -> tensor<4x16xf32> {
  %0 = array.contract "bi,io->bo" %x, %w : tensor<4x8xf32>, tensor<8x16xf32>
  %1 = array.contract "bi,io->bo" %h, %u : tensor<4x6xf32>, tensor<6x16xf32>
  %2 = arith.addf %0, %1 : tensor<4x16xf32>
  func.return %2 : tensor<4x16xf32>
}

// Back through two layers of one width: the derivative of the activation is applied to tiles, in both. The gradient of
// each bias is in the group of what it adds up, not in the next one, which could not work on tiles then.
// GROUPS-LABEL: func.func @backward
// GROUPS: array.fused
// GROUPS-NEXT: array.full
// GROUPS-NEXT: array.contract
// GROUPS-NEXT: arith.cmpf
// GROUPS-NEXT: arith.select
// GROUPS-NEXT: array.reduce
// GROUPS-NEXT: array.yield
// GROUPS-NEXT: }
// GROUPS-NEXT: array.fused
// GROUPS-NEXT: array.full
// GROUPS-NEXT: array.contract
// GROUPS-NEXT: arith.cmpf
// GROUPS-NEXT: arith.select
// GROUPS-NEXT: array.reduce
// GROUPS-NEXT: array.yield
// LOOPS-LABEL: func.func @backward
// LOOPS: loop.outer
// LOOPS: arith.cmpf oge, %{{.*}} : vector<4x16xf32>
// LOOPS-NEXT: %[[D:.*]] = arith.select %{{.*}} : vector<4x16xi1>
// LOOPS-NEXT: loop.store_tile %[[D]]
// LOOPS: loop.outer
// LOOPS: arith.cmpf oge, %{{.*}} : vector<4x16xf32>
// LOOPS-NEXT: %[[E:.*]] = arith.select %{{.*}} : vector<4x16xi1>
// LOOPS-NEXT: loop.store_tile %[[E]]
func.func @backward(%d: tensor<4x16xf32>, %w: tensor<16x16xf32>, %v: tensor<16x16xf32>, %h: tensor<4x16xf32>, %g: tensor<4x16xf32>) -> (tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>) {
  %z = array.full 0.0 : f32 to tensor<4x16xf32>
  %0 = array.contract "bo,oi->bi" %d, %w : tensor<4x16xf32>, tensor<16x16xf32>
  %p = arith.cmpf oge, %z, %h : tensor<4x16xf32>
  %1 = arith.select %p, %z, %0 : tensor<4x16xi1>, tensor<4x16xf32>
  %s = array.reduce sum %1 dims [0] : tensor<4x16xf32>
  %2 = array.contract "bo,oi->bi" %1, %v : tensor<4x16xf32>, tensor<16x16xf32>
  %q = arith.cmpf oge, %z, %g : tensor<4x16xf32>
  %3 = arith.select %q, %z, %2 : tensor<4x16xi1>, tensor<4x16xf32>
  %t = array.reduce sum %3 dims [0] : tensor<4x16xf32>
  func.return %3, %s, %t : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>
}

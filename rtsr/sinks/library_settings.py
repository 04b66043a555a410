"""Names of the settings of encoders' own libraries, to offer the nearest one: the libraries do not list them.

They are the public names of the command lines of x264, x265 and SVT-AV1. One that is missing here still works.
"""

_X264 = """
keyint min-keyint scenecut intra-refresh bframes b-adapt b-bias b-pyramid open-gop no-cabac cabac ref deblock slices
slice-max-size tff bff constrained-intra fake-interlaced frame-packing qp bitrate crf rc-lookahead vbv-maxrate
vbv-bufsize vbv-init crf-max qpmin qpmax qpstep ratetol ipratio pbratio chroma-qp-offset aq-mode aq-strength qcomp
mbtree cplxblur qblur zones partitions direct weightb weightp me merange mvrange subme psy-rd psy mixed-refs chroma-me
8x8dct trellis fast-pskip dct-decimate nr deadzone-inter deadzone-intra cqm overscan videoformat range fullrange
colorprim transfer colormatrix chromaloc nal-hrd filler pic-struct aud force-cfr mastering-display cll sps-id threads
lookahead-threads sliced-threads sync-lookahead non-deterministic asm level profile tune opencl stitchable bluray-compat
"""
_X265 = """
keyint min-keyint scenecut scenecut-bias open-gop bframes b-adapt b-pyramid bframe-bias ref rc-lookahead
lookahead-slices crf crf-max crf-min qp bitrate vbv-maxrate vbv-bufsize vbv-init aq-mode aq-strength aq-motion qg-size
cutree qcomp
qblur cplxblur ipratio pbratio cbqpoffs crqpoffs strict-cbr lossless cu-lossless tskip rd rd-refine rdoq-level psy-rd
psy-rdoq ssim-rd me merange subme max-merge temporal-mvp weightp weightb analyze-src-pics rect amp early-skip rskip
fast-intra b-intra limit-refs limit-modes limit-tu tu-intra-depth tu-inter-depth max-tu-size ctu min-cu-size
nr-intra nr-inter deblock sao sao-non-deblock limit-sao selective-sao strong-intra-smoothing constrained-intra
signhide wpp pmode pme slices frame-threads pools numa-pools log-level psnr ssim csv hdr10 hdr10-opt master-display
max-cll dhdr10-info dhdr10-opt dolby-vision-profile dolby-vision-rpu colorprim transfer colormatrix chromaloc range
videoformat overscan sar repeat-headers aud hrd info hash level-idc high-tier profile uhd-bd tune zones qpmin qpmax
intra-refresh fades hist-scenecut mcstf frame-dup copy-pic asm annexb input-depth output-depth no-sao no-deblock
no-open-gop no-cutree no-wpp no-strong-intra-smoothing no-info no-rect no-amp
"""
_SVTAV1 = """
tune crf qp preset keyint scd lookahead hierarchical-levels pred-struct film-grain film-grain-denoise
enable-overlays enable-tf enable-restoration enable-cdef enable-dlf enable-qm qm-min qm-max fast-decode tile-rows
tile-columns lp pin asm rc tbr mbr aq-mode min-qp max-qp buf-sz buf-initial-sz buf-optimal-sz bias-pct undershoot-pct
overshoot-pct enable-variance-boost variance-boost-strength variance-octile superres-mode superres-denom
resize-mode sharpness color-primaries transfer-characteristics matrix-coefficients color-range chroma-sample-position
mastering-display content-light enable-force-key-frames scm input-depth profile level tier enable-stat-report
qp-scale-compress-strength luminance-qp-bias max-tx-size sframe-dist enable-mfmv enable-dg
"""
_LIBAVCODEC = """
tune profile level g keyint_min bf b_strategy refs maxrate minrate bufsize qmin qmax qdiff qcomp qp cqp rc threads
slices flags coder me_range subq sc_threshold trellis aq-mode aq-strength rc-lookahead weightb weightp forced-idr a53cc
nal-hrd deadline cpu-used row-mt tile-columns tile-rows lag-in-frames auto-alt-ref lossless speed quality slicecrc
"""
OPTIONS = frozenset(_LIBAVCODEC.split())
"""Options of encoders that libavcodec itself knows, for versions of PyAV that do not list them."""
SETTINGS: dict[str, frozenset[str]] = {
    "libx264": frozenset(_X264.split()),
    "libx265": frozenset(_X265.split()),
    "libsvtav1": frozenset(_SVTAV1.split()),
}
"""By libavcodec's name of the encoder."""

/* cnnkit model: mnist.h says what this is and how to use it.
 *
 * How it works: rows and columns are dealt out to several planes each, as cards to players, so that
 * a step of one pooled pixel is a step of one float. Every loop over q runs through the pooled
 * pixels of a plane, with the same straight arithmetic on consecutive floats: compilers make
 * vectors of it. Planes have a border of zeros; "keep" puts them back where a loop ran across it.
 */
#include "mnist.h"

#if CNNKIT_MNIST_EXPORT != 0x748e7587
#error "mnist.h and mnist.c are of different exports; use the two files of one export"
#endif

#ifndef CNNKIT_MNIST_OWN_EXPF
#include <math.h>
#endif

#ifdef __cplusplus
#define restrict __restrict
#endif

const char *const cnnkit_mnist_names[10] = {
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "8",
    "9"
};

static const float convs_0_weight[144] = {
    0x1.120f68p-1f, -0x1.83d64ep-3f, -0x1.95e22ap-2f, 0x1.5b0bf6p-5f, 0x1.21f1e6p-1f,
    0x1.a0d668p-1f, 0x1.02ad24p-1f, 0x1.22e4d2p-1f, 0x1.dd44cep-2f, 0x1.0c3dbp-1f, -0x1.0aecbep-5f,
    -0x1.0120eap0f, 0x1.0f383ep-1f, 0x1.208878p-4f, -0x1.a2890ap-7f, 0x1.4a3654p-11f,
    0x1.51efa4p-1f, 0x1.2d1bfap-2f, -0x1.a28e2p-1f, -0x1.c677bcp-1f, -0x1.015566p0f, 0x1.6e6adep-3f,
    0x1.719508p-2f, 0x1.5443d2p-3f, 0x1.a4325ep-1f, 0x1.7fde2ep-2f, 0x1.287c68p-1f, 0x1.a2f13cp-1f,
    0x1.2f0e8ap-1f, 0x1.0cab24p-4f, 0x1.59f96p-1f, 0x1.126ee2p-3f, -0x1.91b8b6p-1f, 0x1.8451eap-2f,
    0x1.2d3c4cp-3f, -0x1.667f3ep-2f, 0x1.40969p-2f, 0x1.e478eap-1f, 0x1.0cfcdep0f, 0x1.79a194p-3f,
    0x1.4619dp-2f, 0x1.326ad8p-5f, 0x1.0a625ap-2f, -0x1.42fedep-2f, -0x1.c9f9dap-3f, 0x1.bc7432p-1f,
    0x1.f83898p-4f, 0x1.ffc73cp-3f, -0x1.b9488ep-4f, 0x1.0bb788p-1f, 0x1.85c408p-1f,
    -0x1.2e4aecp-1f, 0x1.439c3cp-4f, 0x1.889f58p-4f, -0x1.bf827ap-4f, -0x1.dd7c3p-3f,
    -0x1.0f369ap-5f, 0x1.9494d6p-3f, -0x1.6fc36p-3f, -0x1.31d1f4p-2f, -0x1.04a31ap-4f,
    -0x1.9ba154p-3f, -0x1.176116p-2f, 0x1.4e92d4p-2f, -0x1.15ca9ep-5f, 0x1.0322p-2f, 0x1.e18844p-4f,
    0x1.5aa7f2p-1f, 0x1.48cd94p-2f, 0x1.9cac9ap-11f, 0x1.172062p-1f, 0x1.a20d2ap-1f, 0x1.6a7804p-2f,
    0x1.21c384p-1f, 0x1.8637fp-2f, 0x1.4b6816p-2f, 0x1.0ed0d4p-1f, 0x1.b63bp-1f, 0x1.70f2c8p-1f,
    0x1.21c844p-2f, 0x1.1ebb44p-1f, 0x1.48b3cap-3f, 0x1.07fbbap-2f, 0x1.1a6722p-1f, 0x1.f91758p-3f,
    0x1.412726p-1f, 0x1.074ebap-1f, 0x1.3b9222p-1f, -0x1.843facp-5f, 0x1.4b3338p-2f, 0x1.d0f284p-1f,
    0x1.2144e6p-1f, -0x1.90af1ep-1f, 0x1.68896cp-1f, 0x1.9ac584p-1f, 0x1.1c3016p-1f,
    -0x1.899488p-2f, 0x1.004be4p-1f, 0x1.97d5a2p-1f, 0x1.759506p-1f, 0x1.39cea4p-4f, -0x1.5449dp-1f,
    0x1.9762fep-1f, 0x1.4576a8p-1f, -0x1.f9606p-3f, 0x1.d911d6p-3f, 0x1.684d22p-2f, 0x1.a3e966p-1f,
    -0x1.61e766p-1f, 0x1.321774p-2f, 0x1.536c2cp-2f, -0x1.9247fap-2f, 0x1.f996fcp-2f,
    -0x1.6dc018p-7f, 0x1.1f68p-1f, 0x1.e95618p-2f, 0x1.3767a2p-1f, -0x1.322fbap-3f, 0x1.761f6cp-4f,
    -0x1.7a3da2p-2f, 0x1.813524p-3f, 0x1.f50d44p-3f, 0x1.590feap-1f, 0x1.d42bc8p-6f,
    -0x1.63fec6p-2f, -0x1.e1c584p-3f, 0x1.2f4516p-1f, -0x1.62cbe2p-4f, -0x1.1ad0fap-1f,
    0x1.bb033ap-2f, 0x1.5ac342p-5f, -0x1.757514p-1f, 0x1.4370ep-1f, -0x1.2ceba8p-4f,
    -0x1.5440dcp-1f, 0x1.9bcca2p-6f, 0x1.3017acp-1f, 0x1.2b841cp-1f, 0x1.6bb196p-1f, 0x1.42a94cp-2f,
    0x1.90bd4ep-4f, 0x1.e0b47ep-2f, 0x1.bf61f2p-2f, -0x1.f4c20ap-2f
};

static const float convs_0_bias[16] = {
    0x1.0f4d86p-10f, 0x1.5d85c6p-2f, -0x1.0dd6ep-4f, 0x1.a07492p-3f, -0x1.3cfd5p-11f,
    0x1.5b4b28p-3f, -0x1.4e89a6p-2f, 0x1.045e3p-13f, 0x1.0a0908p-10f, -0x1.b35ba8p-15f,
    -0x1.9ba47ep-8f, 0x1.8759c8p-4f, 0x1.00701ap-2f, -0x1.24bde4p-5f, 0x1.6a73eep-2f,
    -0x1.e57fccp-16f
};

static const float convs_1_weight[576] = {
    0x1.ba9da8p-4f, 0x1.6a3d4ep-6f, -0x1.8e980ap-3f, 0x1.29b3dp-3f, 0x1.cca294p-3f, 0x1.6e7472p-5f,
    0x1.517e96p-6f, 0x1.0fc06ap-2f, 0x1.07e21ap-2f, 0x1.a7e304p-3f, 0x1.f515e2p-3f, 0x1.f6882p-4f,
    0x1.4d2766p-3f, 0x1.1906a8p-2f, 0x1.8c1f4ap-2f, 0x1.c23aaap-3f, 0x1.044c18p-2f, 0x1.32781ap-2f,
    -0x1.3ea666p-1f, -0x1.8d19aep-2f, -0x1.96da84p-5f, -0x1.30ca34p0f, -0x1.a3f608p-2f,
    0x1.62ac5ap-3f, -0x1.4a7818p-2f, -0x1.0176bcp-2f, 0x1.4f7a4cp-4f, 0x1.714c1cp-3f,
    0x1.0f533ep-3f, -0x1.50d2eep-4f, 0x1.cbafaep-8f, 0x1.466b98p-3f, 0x1.340cc8p-3f,
    -0x1.789996p-4f, 0x1.7571d4p-4f, 0x1.08e69ep-3f, -0x1.ebb3eap-5f, -0x1.3fcfaep-5f,
    -0x1.1482fcp-3f, 0x1.06a7c6p-3f, 0x1.135506p-4f, -0x1.2ac1cap-3f, 0x1.a5bf4cp-5f,
    0x1.55d0a2p-5f, 0x1.adeecp-4f, 0x1.71e7a4p-3f, -0x1.de33c8p-9f, -0x1.8253d6p-3f, 0x1.201002p-3f,
    0x1.1d087ap-2f, -0x1.da2dd4p-6f, 0x1.3339p-5f, 0x1.82b55cp-4f, 0x1.3e59bcp-3f, -0x1.196ac8p-4f,
    -0x1.1e7836p-6f, 0x1.fdfbap-5f, -0x1.2e8dep-8f, 0x1.19aee8p-4f, 0x1.6b10c4p-5f, 0x1.1b872p-4f,
    -0x1.fcb816p-5f, -0x1.231d48p-4f, 0x1.45169cp-3f, 0x1.880996p-5f, -0x1.9c3912p-3f,
    0x1.1e298p-3f, 0x1.8025dap-4f, -0x1.21473ap-7f, 0x1.20d0ecp-5f, 0x1.9a6a28p-3f, 0x1.29bac8p-5f,
    0x1.2e876ap-4f, 0x1.020658p-6f, -0x1.4feaap-2f, 0x1.2cb5eep-5f, 0x1.1a1cbep-6f, -0x1.1856cap-4f,
    0x1.58c118p-5f, 0x1.959f7p-3f, 0x1.bfb25p-6f, 0x1.8f6042p-4f, -0x1.fd8b68p-8f, -0x1.c5a7d4p-3f,
    0x1.061f94p-4f, 0x1.8bc988p-5f, -0x1.687012p-4f, 0x1.8d90a8p-4f, 0x1.b3d372p-6f, 0x1.07cadcp-3f,
    0x1.7bc44p-3f, 0x1.d531e2p-5f, -0x1.2d94c8p-3f, 0x1.6cbcep-3f, 0x1.299306p-2f, 0x1.314aep-3f,
    0x1.62f6d2p-3f, 0x1.46d564p-3f, 0x1.bf8be4p-3f, 0x1.d09d68p-3f, 0x1.eb6a54p-3f, -0x1.669796p-3f,
    0x1.44f5cap-3f, 0x1.be711ep-3f, 0x1.c75468p-3f, 0x1.45d49cp-4f, 0x1.ae80fap-3f, 0x1.d7604p-4f,
    0x1.d35014p-4f, -0x1.e06b46p-5f, 0x1.6768cep-4f, 0x1.74759ap-3f, -0x1.9768eap-5f,
    0x1.581c5cp-5f, 0x1.120b3cp-3f, 0x1.02ccep-3f, 0x1.287b2ep-4f, -0x1.99378cp-2f, -0x1.ab051ap-3f,
    0x1.e308d2p-3f, -0x1.99a1bcp-3f, 0x1.10fd04p-2f, 0x1.564cc6p-2f, -0x1.bddd24p-5f,
    0x1.24fae6p-2f, 0x1.c669ep-2f, 0x1.418c1p-2f, 0x1.d5d0a2p-2f, 0x1.fa29f8p-3f, 0x1.a285ap-3f,
    0x1.1f7028p-2f, 0x1.b662e6p-3f, 0x1.6325b4p-3f, 0x1.eb5cb4p-6f, 0x1.1f3bb8p-3f, 0x1.40962ap-4f,
    -0x1.3b55e2p-6f, -0x1.ed6dcap-4f, 0x1.7e155ep-5f, 0x1.834d3p-4f, 0x1.ab4b94p-5f, 0x1.4286c8p-8f,
    -0x1.f6ddap-6f, 0x1.ce6e5ap-4f, -0x1.1f17f2p-3f, 0x1.7afb68p-3f, 0x1.24d918p-3f, 0x1.d4cc38p-5f,
    0x1.fe6abp-3f, 0x1.76b02ep-7f, 0x1.15285p-4f, 0x1.55aad4p-4f, 0x1.85e4f4p-5f, -0x1.39a49p-3f,
    -0x1.7e11dep-3f, -0x1.8f77d6p-3f, -0x1.036fa6p-2f, -0x1.2ebcc4p-3f, -0x1.087012p-6f,
    -0x1.b31596p-4f, 0x1.09966cp-6f, 0x1.9d9786p-8f, -0x1.214b44p-2f, -0x1.9daec6p-2f,
    -0x1.3cdaap-1f, -0x1.9beafep-2f, -0x1.29b388p-1f, -0x1.512a7cp-1f, -0x1.7f2dc6p-3f,
    -0x1.090adcp-1f, -0x1.25d1c2p-2f, -0x1.70990ap-3f, -0x1.48d7dp-5f, 0x1.6412e2p-3f,
    -0x1.075cc4p-2f, 0x1.222a8cp-2f, 0x1.1ce812p-2f, 0x1.140818p-4f, 0x1.cfb4fp-4f, 0x1.82dddap-4f,
    -0x1.4f7216p-2f, 0x1.6a7f9ep-4f, 0x1.a8b81ap-2f, -0x1.ba67aep-4f, 0x1.2b9f78p-2f,
    0x1.d19294p-4f, 0x1.a38802p-5f, 0x1.7f159ep-3f, 0x1.3f3308p-6f, -0x1.6a10dep-4f, 0x1.ca518ap-6f,
    0x1.923faap-5f, -0x1.263678p-4f, 0x1.6e95e8p-4f, -0x1.8dfb24p-4f, -0x1.11e806p-4f,
    0x1.5703ap-6f, -0x1.c982e6p-7f, -0x1.b025e8p-6f, -0x1.646dcap-5f, 0x1.b75a74p-5f,
    0x1.d01e66p-7f, -0x1.ff6f0ap-9f, -0x1.4cefbep-5f, -0x1.23bb5ep-4f, -0x1.491e94p-4f,
    0x1.b4be6ap-7f, -0x1.05c456p-3f, 0x1.181cd8p-2f, 0x1.e52a9p-4f, 0x1.520facp-4f, 0x1.70a108p-3f,
    0x1.10deacp-6f, 0x1.c7e2c8p-3f, 0x1.1132a6p-3f, -0x1.035d76p-6f, -0x1.1a7a4p-2f, 0x1.28b58cp-4f,
    0x1.e71fcep-3f, -0x1.105032p-5f, 0x1.f3ed14p-4f, 0x1.02f13p-4f, 0x1.ad97b2p-3f, 0x1.a5defcp-4f,
    0x1.9f3c24p-5f, -0x1.266076p-3f, 0x1.e66c7ap-5f, 0x1.d7ddeep-3f, 0x1.800006p-7f, 0x1.bde618p-3f,
    0x1.5cdf7ep-3f, 0x1.614856p-3f, 0x1.656af6p-3f, 0x1.2f37fep-5f, -0x1.a5d7eep-4f,
    -0x1.044e2ap-3f, 0x1.c6f08ap-5f, -0x1.e8f0d8p-3f, 0x1.0adbb8p-4f, 0x1.799a24p-5f,
    -0x1.d9c0e4p-5f, 0x1.3c9b82p-3f, -0x1.021d58p-5f, -0x1.c7e42cp-3f, -0x1.14b82p-3f,
    0x1.3174dp-4f, -0x1.36a682p-2f, 0x1.fe42c8p-4f, 0x1.6115f6p-5f, 0x1.403536p-6f, 0x1.6c69b4p-3f,
    0x1.593dcep-4f, -0x1.245024p-5f, 0x1.90a258p-3f, 0x1.6243bep-2f, 0x1.00f198p-3f, 0x1.93ca1p-3f,
    0x1.42752ep-3f, 0x1.0b775cp-2f, 0x1.01dc1cp-3f, -0x1.6ed38ap-6f, -0x1.fbbd06p-2f,
    -0x1.0441a6p-1f, -0x1.5989f4p-3f, -0x1.e3dd78p-2f, -0x1.7b15d6p-3f, -0x1.1ead7cp-2f,
    -0x1.578e9ep-2f, -0x1.4f38f6p-2f, 0x1.80be92p-5f, -0x1.8fb3a8p-4f, 0x1.3e62ap-5f,
    0x1.128646p-3f, -0x1.69d0bp-3f, 0x1.6c1b2cp-3f, 0x1.ddddfp-3f, 0x1.d54554p-5f, 0x1.cb69b4p-4f,
    0x1.fc351ap-5f, -0x1.845006p-3f, 0x1.5cef0cp-3f, 0x1.41b33ap-2f, -0x1.67ab7ap-6f,
    0x1.58f666p-2f, 0x1.0accbep-2f, 0x1.f34ab8p-3f, 0x1.b6bdfap-3f, 0x1.b27794p-5f, 0x1.8b298ep-3f,
    0x1.1aecc4p-3f, 0x1.3feddp-4f, 0x1.856c32p-3f, 0x1.f3eeep-3f, 0x1.ff30ccp-3f, -0x1.8d69fp-2f,
    -0x1.21c136p-2f, 0x1.dbb47p-4f, 0x1.cbc97p-3f, 0x1.45a0f2p-3f, 0x1.c4026cp-3f, 0x1.962a6cp-3f,
    0x1.33cf1ap-3f, 0x1.f18e1cp-3f, -0x1.dfc252p-3f, -0x1.fd2888p-4f, 0x1.50384cp-7f,
    0x1.600036p-1f, 0x1.08065ep-1f, 0x1.a4b19cp-2f, 0x1.30859p-2f, 0x1.612b84p-2f, 0x1.b8b148p-2f,
    0x1.09a9a4p-3f, -0x1.49016ep-2f, -0x1.b6baaep-4f, 0x1.c4f73cp-4f, 0x1.f69378p-5f,
    -0x1.c3c506p-5f, -0x1.fdf6ap-5f, -0x1.c6ac7p-6f, -0x1.eb73a8p-13f, -0x1.e32f7cp-3f,
    -0x1.55b36cp-4f, -0x1.0ab3dcp-4f, 0x1.09b4f8p-3f, 0x1.8c8244p-4f, -0x1.78c7cep-6f,
    0x1.361e12p-3f, 0x1.56271cp-3f, 0x1.2bd0f2p-5f, -0x1.c05cd2p-4f, 0x1.abddbep-5f, 0x1.92d3fap-3f,
    0x1.892bb8p-4f, 0x1.66eefp-4f, -0x1.7e2376p-4f, 0x1.bd857cp-3f, 0x1.11db6ep-2f, 0x1.da7b3p-4f,
    -0x1.1d3854p-4f, -0x1.2306c8p-4f, 0x1.3bdb8cp-2f, 0x1.2d89bep-4f, -0x1.45229p-5f,
    -0x1.4d1276p-4f, -0x1.732fd6p-9f, -0x1.b1341ap-5f, 0x1.41f78ap-4f, 0x1.0f7ed6p-4f,
    0x1.3a7b06p-4f, 0x1.1ba228p-6f, 0x1.2f74bep-3f, 0x1.3c1314p-3f, -0x1.bb244ep-6f, 0x1.1cc2dep-4f,
    0x1.16b364p-2f, 0x1.899bbp-3f, -0x1.2ad79cp-2f, -0x1.6e93a4p-3f, 0x1.b0321ap-4f, 0x1.3c5dbp-4f,
    0x1.1161c8p-4f, -0x1.1a643ap-3f, 0x1.59eb22p-6f, 0x1.121c2ep-3f, 0x1.2a0658p-3f,
    -0x1.349638p-2f, -0x1.a6eb26p-3f, 0x1.1668e8p-3f, 0x1.b16f22p-4f, 0x1.0f71c6p-3f,
    -0x1.c9cf12p-7f, 0x1.3135bp-3f, 0x1.a12324p-4f, 0x1.5c64cep-6f, -0x1.34b8fp-2f, -0x1.d663a2p-4f,
    0x1.8fc1dcp-4f, 0x1.62cd4p-3f, 0x1.b28938p-3f, 0x1.74c428p-4f, 0x1.87af28p-3f, 0x1.138a0cp-2f,
    0x1.30091cp-2f, -0x1.3cc12cp-2f, -0x1.0b446ap-2f, 0x1.0806fcp-3f, 0x1.21d8eap-2f,
    0x1.71e4f8p-3f, 0x1.1077dcp-3f, 0x1.dc0a5cp-4f, 0x1.ad2b62p-3f, 0x1.e7bc08p-3f, -0x1.b1de02p-2f,
    -0x1.c52602p-3f, -0x1.c0a816p-9f, 0x1.305338p-3f, 0x1.c7c2bp-7f, -0x1.299098p-5f,
    -0x1.186e08p-3f, 0x1.a88d32p-8f, 0x1.da1782p-5f, -0x1.a704bp-2f, -0x1.372658p-2f,
    -0x1.727a16p-3f, 0x1.39e152p-1f, 0x1.377302p-1f, 0x1.02588ep-1f, 0x1.067058p-1f, 0x1.3817b6p-1f,
    0x1.0ab964p-1f, 0x1.5f1d4cp-3f, 0x1.ccceccp-2f, 0x1.055bd2p-1f, -0x1.be91b2p-3f,
    -0x1.266accp-2f, -0x1.be39a4p-4f, -0x1.efc5fap-2f, -0x1.c259dp-2f, -0x1.3ce8a6p-2f,
    -0x1.5de04p-3f, -0x1.0b2418p-3f, -0x1.a3a26ep-2f, 0x1.e3938cp-4f, 0x1.2279dp-4f, 0x1.540acap-8f,
    0x1.97bc1ap-6f, 0x1.ec3488p-8f, -0x1.a150ap-5f, -0x1.344058p-2f, -0x1.27f29p-4f,
    -0x1.95aaaep-5f, -0x1.b82b44p-4f, -0x1.f45cp-5f, 0x1.5dd55p-4f, 0x1.27d4fep-2f, 0x1.fc2b26p-3f,
    0x1.bf6212p-3f, 0x1.6b0346p-3f, -0x1.41bfbap-7f, -0x1.303c4p-3f, -0x1.0301c6p-5f,
    0x1.1e8c48p-4f, 0x1.2a20a4p-4f, 0x1.5a85f4p-3f, 0x1.47fb38p-6f, -0x1.8cce24p-4f, 0x1.82f2b2p-3f,
    -0x1.c852fep-7f, -0x1.6caa12p-4f, 0x1.1ca29p-1f, 0x1.f4737ap-2f, 0x1.513d7p-1f, 0x1.314e6cp-1f,
    0x1.7e998ep-2f, 0x1.c218d6p-2f, 0x1.eca2c2p-2f, 0x1.45b49p-4f, 0x1.2186p-4f, -0x1.49b604p-5f,
    -0x1.6991b8p-4f, -0x1.ffb94p-3f, -0x1.d4bc14p-5f, 0x1.72837ep-5f, 0x1.b149dap-4f,
    0x1.12dbaep-2f, 0x1.2ebd0ap-3f, 0x1.ac48bep-4f, -0x1.59421cp-4f, -0x1.93cfbap-3f,
    -0x1.64367p-2f, -0x1.9f333ep-6f, -0x1.3ea666p-6f, 0x1.10cbbcp-3f, 0x1.177fe8p-2f,
    0x1.9f30e8p-3f, 0x1.5fa484p-3f, -0x1.c6e326p-4f, -0x1.4b1a46p-3f, -0x1.7d2e38p-4f,
    -0x1.085c6ap-4f, 0x1.d9c79ep-7f, 0x1.efc9b2p-3f, 0x1.92c6ecp-3f, 0x1.944884p-3f, 0x1.bac25p-5f,
    0x1.8b533p-5f, -0x1.aacc7ap-5f, -0x1.f5d63ap-6f, -0x1.50acb8p-6f, -0x1.fae192p-11f,
    -0x1.2cbbc8p-8f, 0x1.b84618p-5f, -0x1.be343p-5f, 0x1.dfe53cp-5f, -0x1.b02a3ep-3f,
    -0x1.9b08aap-3f, -0x1.18bb6ep-3f, 0x1.ed4c1ap-5f, 0x1.a21ca8p-4f, 0x1.11a014p-2f,
    -0x1.7ea8e4p-6f, 0x1.806058p-4f, -0x1.dccd18p-4f, -0x1.0c6d1ep-2f, -0x1.bfbee8p-3f,
    -0x1.6cc6e6p-4f, 0x1.dcb9f2p-5f, 0x1.bd4438p-4f, 0x1.d9ddb8p-3f, 0x1.6b861ep-3f, 0x1.fcd1e2p-6f,
    0x1.711346p-4f, -0x1.90c3a6p-3f, -0x1.d6c884p-3f, -0x1.1bbe22p-3f, 0x1.46b3f2p-3f,
    0x1.e6d286p-4f, 0x1.102d5ap-2f, 0x1.b287e2p-3f, 0x1.290c2p-5f, 0x1.7495e4p-6f, -0x1.c56c76p-3f,
    -0x1.57e21ap-3f, -0x1.590df8p-3f, -0x1.37a04cp-10f, 0x1.eea746p-4f, 0x1.803b02p-3f,
    0x1.96dbdap-3f, 0x1.8b7bd8p-5f, -0x1.2e98a2p-3f, -0x1.eec1c8p-3f, -0x1.e8563p-4f,
    0x1.3424a8p-7f, 0x1.381f06p-3f, 0x1.ae092p-5f, 0x1.088146p-3f, 0x1.3b1ca2p-3f, 0x1.b3f5dep-4f,
    -0x1.2e1d42p-4f, -0x1.1d1e7p-10f, -0x1.288766p-4f, 0x1.221f2ep-4f, 0x1.46e238p-3f,
    0x1.5a6954p-3f, 0x1.138a2ep-4f, 0x1.c89386p-4f, -0x1.7d5438p-6f, -0x1.84c9a6p-5f,
    0x1.30f45ep-1f, 0x1.6761a4p-2f, 0x1.5dbe2cp-2f, 0x1.33a1fp-1f, 0x1.d7cac4p-2f, 0x1.02dd56p-1f,
    0x1.68c23ep-1f, 0x1.dc9bdep-2f, 0x1.8a608cp-3f, 0x1.540d72p-8f, -0x1.021d98p-2f,
    -0x1.1c495ep-2f, -0x1.5f81a2p-6f, -0x1.a4645ep-2f, -0x1.36ab5p-2f, -0x1.463f8cp-5f,
    -0x1.bbce74p-4f, -0x1.53a87p-6f, -0x1.b181ap-3f, -0x1.af871p-3f, -0x1.e70916p-3f, 0x1.eaa7cp-4f,
    0x1.330a1ep-3f, 0x1.063304p-2f, 0x1.f334fp-3f, 0x1.55940cp-3f, 0x1.b1529cp-4f
};

static const float convs_1_bias[4] = {
    0x1.9d6ef4p-4f, -0x1.ad9362p-3f, -0x1.b08cd8p-4f, 0x1.626024p-3f
};

static const float linear_weight[1960] = {
    -0x1.481314p-6f, 0x1.b824dep-6f, 0x1.465096p-6f, -0x1.650526p-4f, -0x1.e3012p-4f,
    0x1.9e8fe4p-5f, 0x1.d87fb4p-5f, -0x1.0735bep-5f, 0x1.a9986cp-5f, -0x1.4f7ef6p-4f,
    0x1.6933b8p-6f, 0x1.25d95cp-4f, 0x1.5a8852p-10f, 0x1.a929c4p-4f, -0x1.75ffb2p-5f,
    0x1.67430ap-6f, 0x1.fd601ap-9f, -0x1.9ca04ep-8f, 0x1.7dac5cp-4f, 0x1.afb44ap-4f, 0x1.dc3988p-5f,
    -0x1.d8b4c8p-4f, 0x1.d25c52p-5f, 0x1.7ae36ap-4f, -0x1.44445cp-5f, 0x1.ef14ep-6f, 0x1.52372cp-6f,
    0x1.41ac36p-3f, -0x1.67203ap-5f, -0x1.4218f8p-6f, 0x1.7161ep-4f, 0x1.40d53cp-4f,
    -0x1.070398p-5f, 0x1.f0b902p-5f, 0x1.4b5e62p-4f, -0x1.1b1aa8p-4f, 0x1.4f772cp-4f,
    0x1.cd5f1ep-6f, -0x1.c4240ap-6f, -0x1.61356ep-4f, -0x1.c18642p-4f, -0x1.13160cp-5f,
    0x1.18be8ep-4f, 0x1.cfcdfp-6f, 0x1.639c74p-7f, -0x1.002da4p-4f, -0x1.28f07cp-4f,
    -0x1.190d3cp-3f, 0x1.5d09dcp-9f, -0x1.5c1182p-6f, 0x1.90badp-5f, -0x1.a0697p-5f,
    -0x1.ddc134p-4f, -0x1.078d22p-4f, 0x1.3f14fap-7f, -0x1.a54f52p-5f, -0x1.2c5f9ap-4f,
    -0x1.0d2b94p-8f, 0x1.e609ccp-8f, 0x1.26e434p-5f, -0x1.6bee64p-6f, -0x1.a1ffeep-4f,
    -0x1.8358dcp-3f, -0x1.6af5e8p-6f, 0x1.488ef8p-4f, -0x1.6d0568p-6f, -0x1.7c72cp-6f,
    -0x1.08bfc6p-4f, -0x1.1e2e3cp-5f, -0x1.31c59p-6f, -0x1.6d0c5ap-5f, 0x1.c66856p-5f,
    0x1.231ae2p-3f, -0x1.94369p-5f, 0x1.44035p-7f, -0x1.378814p-6f, 0x1.683fc2p-6f, 0x1.3e155p-4f,
    0x1.f621aap-6f, 0x1.02ac54p-3f, -0x1.8c5e3cp-6f, 0x1.e4067cp-4f, -0x1.f28ebep-5f,
    -0x1.b3d8bap-8f, 0x1.1b2698p-5f, -0x1.268c0ep-5f, 0x1.9a4e08p-8f, -0x1.25de0cp-4f,
    0x1.d4ab7ep-8f, 0x1.4c1d98p-5f, -0x1.14f964p-7f, 0x1.5fa102p-3f, -0x1.6684d8p-4f,
    -0x1.bfc7e2p-4f, -0x1.7ec096p-3f, -0x1.06675p-2f, -0x1.98fba2p-3f, 0x1.300092p-4f,
    -0x1.6e5218p-3f, -0x1.53501p-4f, -0x1.c0e6fcp-5f, -0x1.da9c0cp-5f, 0x1.c78522p-5f,
    -0x1.294d1ep-3f, -0x1.45f00ep-2f, 0x1.cbad2p-7f, -0x1.d57aa6p-8f, -0x1.139aep-5f,
    0x1.e5fa5ep-6f, 0x1.79fee8p-6f, -0x1.62364p-6f, -0x1.da9f8p-4f, 0x1.716966p-5f, -0x1.61f7fp-3f,
    -0x1.016f7ap-5f, -0x1.a5e04cp-6f, 0x1.ef12f4p-5f, -0x1.ecf6c2p-6f, -0x1.4030cp-3f,
    -0x1.ffe48ap-5f, -0x1.710d2cp-3f, -0x1.e1888ap-4f, -0x1.35b1f4p-3f, -0x1.cc283ap-4f,
    -0x1.937becp-9f, -0x1.0a68b4p-4f, 0x1.ec69a8p-8f, 0x1.d6823ap-6f, -0x1.3554f4p-4f,
    -0x1.54656p-4f, 0x1.aa267cp-8f, 0x1.ff301ep-6f, 0x1.ecb09cp-7f, -0x1.108p-7f, -0x1.37e856p-5f,
    0x1.25d69p-4f, 0x1.52d5aap-4f, 0x1.29bb48p-4f, -0x1.8d1882p-4f, -0x1.83b47ap-6f,
    -0x1.461e62p-4f, 0x1.0ec0eap-4f, 0x1.4b1ac2p-6f, 0x1.cba51ep-5f, -0x1.5eedap-5f,
    -0x1.480f1ap-4f, -0x1.46e7p-10f, 0x1.70f7cp-6f, -0x1.27abcap-5f, -0x1.692f3ap-8f,
    0x1.d22794p-7f, -0x1.b4c5c8p-5f, 0x1.b7ef76p-7f, -0x1.76f1c2p-7f, -0x1.d74b0ep-6f,
    0x1.a07fb6p-6f, -0x1.d30d96p-4f, -0x1.52a2eap-7f, -0x1.496cf4p-12f, -0x1.419972p-5f,
    0x1.1ef0d2p-5f, -0x1.a0fd82p-10f, 0x1.0c915p-5f, 0x1.32542p-5f, -0x1.57135cp-5f,
    -0x1.978f5ap-5f, -0x1.cc0b6ep-5f, -0x1.a74d76p-5f, -0x1.82a144p-7f, -0x1.eeed32p-5f,
    0x1.79cb1ap-5f, -0x1.f41a5ap-3f, -0x1.940386p-4f, -0x1.4dc0ecp-4f, -0x1.c1db22p-4f,
    -0x1.971446p-8f, -0x1.f19eaap-3f, -0x1.2b9c16p-4f, 0x1.340218p-6f, -0x1.21d354p-6f,
    -0x1.d02526p-5f, -0x1.e262b8p-3f, -0x1.70d6dp-6f, -0x1.44428ap-3f, -0x1.828ep-4f,
    0x1.980562p-5f, 0x1.57fab2p-4f, 0x1.c360f2p-5f, -0x1.c838a4p-4f, -0x1.a78908p-4f,
    -0x1.0f03eap-1f, -0x1.27c87cp-2f, -0x1.cd46dp-5f, -0x1.9e1604p-5f, -0x1.8937a6p-3f,
    -0x1.906a28p-5f, 0x1.819d0ep-7f, 0x1.fa6536p-7f, 0x1.35ffbcp-4f, 0x1.e8725ap-7f, 0x1.f2d478p-7f,
    0x1.9db0e8p-6f, -0x1.18d58ep-5f, -0x1.e15cap-7f, 0x1.405d38p-3f, -0x1.1deb56p-8f,
    0x1.b2cbc2p-7f, -0x1.c81414p-7f, 0x1.a602e8p-6f, -0x1.9013aep-8f, 0x1.6ac37cp-4f,
    0x1.3ebbf2p-4f, -0x1.d1b9eep-7f, 0x1.4ed8p-7f, 0x1.06826p-5f, 0x1.6530c8p-5f, 0x1.fc8a2ep-5f,
    -0x1.03ca4ep-5f, 0x1.6cd786p-4f, -0x1.a44bcep-3f, 0x1.3b827cp-6f, 0x1.24351ap-4f,
    0x1.062d12p-4f, 0x1.709d42p-5f, 0x1.854646p-6f, -0x1.bbbbeap-6f, -0x1.0352c6p-3f,
    0x1.825912p-4f, 0x1.421bc8p-4f, 0x1.9ec506p-5f, 0x1.7adaaap-7f, 0x1.1be7a4p-4f, -0x1.f3818p-5f,
    -0x1.47602cp-6f, 0x1.6a2198p-4f, -0x1.d98a28p-6f, 0x1.dcf822p-4f, 0x1.359076p-5f, 0x1.1dc2cp-4f,
    0x1.93e6c8p-4f, 0x1.16faa6p-3f, 0x1.33304cp-8f, 0x1.14228ep-6f, 0x1.d0945p-5f, -0x1.9c340ap-5f,
    0x1.6922eap-4f, -0x1.9f97cap-6f, 0x1.d16d14p-9f, 0x1.5e8414p-4f, 0x1.db7cfcp-6f, 0x1.4ff9dap-5f,
    0x1.6ceeb6p-8f, 0x1.d503a8p-5f, -0x1.2fafd6p-3f, 0x1.1dae94p-6f, 0x1.4b61f8p-4f, 0x1.2da0b6p-6f,
    0x1.85f9dep-4f, 0x1.75636ep-7f, -0x1.be0948p-6f, -0x1.2bdb5p-4f, -0x1.100b82p-4f,
    0x1.29fbc4p-3f, 0x1.95906p-5f, 0x1.8b98a2p-4f, 0x1.325a7ap-7f, -0x1.370e78p-4f, 0x1.2c1c18p-5f,
    -0x1.047c42p-8f, 0x1.6e1018p-4f, 0x1.99d4b4p-5f, -0x1.4eeb9ap-4f, -0x1.58dd18p-6f,
    -0x1.a87412p-4f, 0x1.045c54p-6f, 0x1.27f42ep-5f, 0x1.3f8ce6p-4f, -0x1.96d10cp-4f,
    0x1.974316p-5f, 0x1.5a621ap-8f, 0x1.9629cap-5f, 0x1.88157ep-9f, -0x1.17c772p-4f, 0x1.11cde6p-5f,
    -0x1.af96e2p-6f, -0x1.34f82ap-2f, -0x1.1401c4p-4f, 0x1.45968ep-5f, 0x1.c9426ap-5f,
    0x1.4d8cd6p-5f, 0x1.c1eff4p-5f, 0x1.9b69bp-5f, -0x1.5b2032p-3f, 0x1.f99e2p-5f, 0x1.794dccp-4f,
    0x1.47fce4p-4f, 0x1.05c6b2p-8f, -0x1.cdaa6ep-4f, 0x1.738cc2p-5f, -0x1.d776c8p-3f,
    -0x1.f15982p-4f, -0x1.5b791ep-6f, 0x1.142a12p-8f, 0x1.dd763ap-5f, -0x1.89a416p-4f,
    -0x1.6d7fdap-3f, -0x1.25aaf6p-3f, -0x1.82b392p-3f, -0x1.a36d94p-3f, 0x1.6cc86p-6f,
    -0x1.c91802p-5f, -0x1.7086aep-6f, -0x1.c62004p-3f, -0x1.42410ep-4f, -0x1.c652fcp-6f,
    -0x1.8c208ep-6f, 0x1.deb918p-7f, -0x1.382104p-4f, -0x1.092e98p-3f, -0x1.12aea6p-3f,
    -0x1.088202p-4f, 0x1.7107dcp-3f, -0x1.6b344p-4f, -0x1.ab62c4p-5f, -0x1.076e8ap-4f,
    -0x1.0c6f9cp-4f, -0x1.5b7a3cp-5f, -0x1.e38a12p-5f, 0x1.03652ep-3f, -0x1.19e194p-8f,
    -0x1.b00bf2p-6f, 0x1.151088p-7f, 0x1.07f6a4p-5f, -0x1.5fcc82p-5f, 0x1.7b0492p-3f,
    -0x1.55720ep-6f, -0x1.34b656p-3f, -0x1.5d1ee2p-4f, -0x1.7cbfb2p-5f, -0x1.a01474p-4f,
    0x1.49cb76p-7f, -0x1.c9028ap-5f, -0x1.14ab16p-3f, 0x1.d2ca88p-4f, 0x1.523076p-6f,
    -0x1.f787b8p-6f, -0x1.1a2ad6p-6f, 0x1.6b6778p-7f, -0x1.11a128p-6f, 0x1.110c2ap-6f,
    -0x1.839a1ap-7f, 0x1.2d2f08p-6f, -0x1.c81002p-4f, -0x1.2b226ap-4f, -0x1.65b1d6p-4f,
    -0x1.b4a3a6p-5f, -0x1.6dc92ep-5f, -0x1.d61206p-7f, 0x1.a46e1cp-4f, -0x1.72be1ep-4f,
    0x1.4e0b36p-8f, -0x1.8924e4p-7f, -0x1.461878p-3f, -0x1.f35602p-5f, 0x1.b37278p-5f,
    0x1.476c92p-4f, -0x1.3c922cp-5f, -0x1.259c3ep-4f, -0x1.9e23a8p-3f, -0x1.0ffa9ap-2f,
    0x1.270efp-5f, -0x1.dc54fap-4f, 0x1.3e718cp-4f, -0x1.5b18ep-5f, -0x1.d9d34ap-4f,
    -0x1.ec94bcp-4f, 0x1.2fd366p-4f, -0x1.52f09p-7f, 0x1.57bd7ap-4f, 0x1.9bedap-3f, 0x1.34793cp-7f,
    -0x1.43d2bap-4f, 0x1.04264ep-6f, 0x1.921896p-4f, -0x1.31f5bep-4f, -0x1.729388p-3f,
    -0x1.19ef14p-3f, -0x1.9ca852p-3f, -0x1.31f812p-2f, -0x1.84862ap-5f, -0x1.3e1c78p-2f,
    0x1.61784cp-4f, 0x1.f41d4ap-4f, 0x1.04c798p-5f, 0x1.b26bp-5f, -0x1.cb966p-5f, 0x1.c79708p-6f,
    -0x1.694b6p-5f, 0x1.7b51dap-4f, 0x1.a00fe2p-4f, -0x1.5f5afp-4f, -0x1.e22266p-11f,
    0x1.076242p-4f, 0x1.cb4fb6p-7f, 0x1.088e5cp-4f, 0x1.2fa876p-4f, 0x1.b384d2p-4f,
    -0x1.b30702p-12f, -0x1.7ae56p-4f, -0x1.d1feap-7f, 0x1.00930ap-6f, -0x1.e4bd32p-8f,
    0x1.57fa7p-5f, 0x1.7206p-5f, -0x1.27483ep-3f, -0x1.ebb41p-3f, -0x1.ef88d2p-4f, -0x1.7d262ap-5f,
    0x1.f0cc02p-8f, -0x1.5985ecp-4f, 0x1.626f3p-6f, -0x1.830438p-6f, -0x1.20c836p-4f,
    0x1.b2e3b2p-5f, 0x1.7b9bccp-7f, -0x1.e169d6p-6f, -0x1.dab1aap-4f, 0x1.00f5c6p-3f,
    0x1.c08738p-7f, 0x1.3ce912p-4f, -0x1.45522cp-8f, 0x1.1d76aep-6f, 0x1.c673cp-5f, -0x1.406bb8p-5f,
    0x1.e85656p-4f, 0x1.a58256p-5f, 0x1.055d1ep-9f, -0x1.28735ap-4f, 0x1.b9222p-6f, -0x1.25117cp-8f,
    -0x1.b7559ap-6f, -0x1.d128d8p-8f, -0x1.ee3882p-5f, -0x1.3ec296p-7f, -0x1.06f8bcp-6f,
    -0x1.7a852ap-4f, -0x1.1f84b6p-6f, 0x1.2ef1e6p-6f, 0x1.46a4bep-4f, -0x1.915da4p-5f,
    -0x1.d8677ep-5f, -0x1.2d53b6p-4f, -0x1.07806p-3f, -0x1.ca64a6p-4f, -0x1.02f6fcp-4f,
    -0x1.40d9eep-4f, -0x1.cd4986p-6f, -0x1.c37b2p-4f, -0x1.24f944p-4f, -0x1.5cfbfp-6f,
    0x1.94a13p-5f, 0x1.53a9fp-4f, -0x1.e4b55cp-7f, -0x1.3ee756p-6f, -0x1.a6568p-6f, -0x1.73bb12p-5f,
    0x1.ba67f8p-4f, 0x1.a54768p-6f, 0x1.f14dc8p-4f, -0x1.b352a8p-6f, 0x1.23023p-4f, 0x1.44960ep-3f,
    0x1.f29f5ep-4f, 0x1.1c47cap-6f, -0x1.550c18p-4f, 0x1.d214dcp-7f, 0x1.17b688p-6f, 0x1.353edep-4f,
    0x1.28cc64p-4f, -0x1.afafcp-4f, -0x1.1181e2p-3f, -0x1.a09ea2p-3f, 0x1.bc138ap-4f,
    -0x1.4f7edcp-7f, -0x1.20fceap-7f, -0x1.5b198ep-4f, -0x1.1941e8p-4f, -0x1.25fcfap-4f,
    -0x1.366986p-3f, -0x1.22d68p-5f, -0x1.9e08b2p-7f, 0x1.fa6bcep-5f, 0x1.893752p-7f,
    0x1.7bf378p-4f, -0x1.cdb4eep-6f, -0x1.14da86p-3f, 0x1.496a0cp-13f, -0x1.a0ad56p-5f,
    -0x1.35ff2cp-5f, -0x1.fb0f24p-5f, 0x1.3f68b6p-4f, 0x1.3442dep-5f, 0x1.ea0ce4p-6f,
    -0x1.665054p-2f, -0x1.b5c848p-6f, 0x1.abe63cp-7f, 0x1.c089dcp-7f, 0x1.6e9ff2p-4f,
    0x1.c3cb1ap-8f, -0x1.5abebap-3f, -0x1.7d1edp-3f, -0x1.35fbaep-4f, -0x1.bab202p-5f,
    -0x1.30d53ap-6f, -0x1.b57f3ep-5f, -0x1.4f03ep-3f, -0x1.6745a2p-4f, 0x1.5a5af8p-3f,
    0x1.0d1b7ep-7f, -0x1.e1068p-5f, -0x1.d45f58p-5f, -0x1.ad956ep-6f, -0x1.acb638p-7f,
    0x1.742ec4p-4f, 0x1.98de0ap-3f, 0x1.1adbfcp-6f, -0x1.c2df52p-6f, -0x1.0e9712p-5f,
    0x1.b23af4p-7f, 0x1.47c58ep-4f, 0x1.579ba2p-3f, -0x1.0418d8p-9f, -0x1.128ef4p-5f,
    -0x1.64190ep-6f, 0x1.c95ba4p-7f, 0x1.7a313ap-7f, 0x1.834f66p-6f, -0x1.4702bcp-5f,
    -0x1.5e10fcp-5f, 0x1.ca226cp-5f, 0x1.4007fep-5f, 0x1.09e666p-5f, -0x1.d0572ep-6f, 0x1.7425bp-5f,
    0x1.2b3b68p-6f, 0x1.ef768cp-6f, -0x1.6b953ep-8f, 0x1.3036e6p-5f, 0x1.b13b06p-5f,
    -0x1.f03f4ep-6f, -0x1.9a7766p-6f, -0x1.1b511cp-3f, -0x1.bc2d7ep-4f, 0x1.011cc2p-5f,
    0x1.0480dap-5f, 0x1.1f5c42p-6f, -0x1.664256p-8f, -0x1.001e42p-4f, -0x1.e475a4p-5f,
    -0x1.15b77ap-7f, 0x1.94183cp-4f, 0x1.903176p-3f, 0x1.2e0356p-3f, 0x1.27cd4p-3f, 0x1.dd78dep-11f,
    -0x1.be9a7ap-5f, 0x1.a3295p-4f, 0x1.5e0c8cp-6f, -0x1.d42a2cp-8f, 0x1.1d74b6p-5f,
    -0x1.78566cp-10f, 0x1.91cc76p-5f, 0x1.d45b5cp-5f, 0x1.981a04p-5f, 0x1.1f7ff2p-6f,
    -0x1.e0232ap-4f, -0x1.15930ap-4f, 0x1.04578ep-8f, 0x1.db0cf2p-4f, 0x1.7f0e22p-3f,
    0x1.aed2c8p-4f, -0x1.6ac4acp-2f, -0x1.f114fep-2f, -0x1.969d68p-4f, 0x1.025e6p-6f,
    0x1.0e13f2p-5f, 0x1.4cfdbcp-4f, -0x1.f4cd0ap-8f, -0x1.133aep-3f, -0x1.b6c072p-7f,
    -0x1.04c6dap-4f, -0x1.aa5078p-5f, 0x1.1de8cep-6f, -0x1.80eef6p-8f, -0x1.a197f4p-4f,
    0x1.d3ef6ap-8f, 0x1.921fe6p-4f, 0x1.035d02p-4f, 0x1.5fd01cp-6f, 0x1.f6af8ap-7f, 0x1.c069fp-5f,
    -0x1.7550b4p-6f, -0x1.12b5ccp-4f, -0x1.329232p-3f, -0x1.ffc7p-3f, -0x1.ce50a6p-4f,
    0x1.1d00e6p-5f, -0x1.573d7cp-6f, 0x1.5e5de4p-6f, -0x1.59478ap-5f, -0x1.2644ap-3f,
    -0x1.93617ep-3f, 0x1.6a4f72p-7f, -0x1.e1f0ecp-6f, -0x1.9de7fap-6f, -0x1.3e3baep-4f,
    0x1.9d9c2ep-5f, 0x1.2c079p-4f, -0x1.57955p-5f, 0x1.8774c8p-6f, -0x1.978346p-8f, 0x1.5e399ap-5f,
    -0x1.be2044p-5f, -0x1.783374p-5f, -0x1.8feedep-6f, -0x1.ea341p-6f, -0x1.65395p-5f,
    -0x1.b7b0aap-6f, -0x1.853d6cp-5f, 0x1.cfc428p-6f, -0x1.18e696p-6f, 0x1.be5e8cp-6f,
    -0x1.ab2a16p-3f, -0x1.08d434p-4f, -0x1.7c6fc4p-5f, -0x1.9a1a74p-11f, -0x1.2fd094p-7f,
    -0x1.448bb8p-4f, 0x1.09cfa6p-5f, -0x1.44b0bp-4f, -0x1.1ffcd8p-4f, -0x1.3b64ap-5f,
    0x1.1836bap-5f, 0x1.68d612p-5f, 0x1.df45c6p-5f, 0x1.175c72p-5f, -0x1.4e3ac6p-5f,
    -0x1.d25352p-5f, -0x1.79204ep-5f, -0x1.884c9cp-7f, -0x1.bdcd84p-5f, -0x1.f6a48cp-7f,
    -0x1.954b7ap-5f, -0x1.cf015cp-4f, 0x1.60d8cp-7f, 0x1.560cfap-4f, 0x1.343092p-4f,
    -0x1.41a174p-2f, 0x1.4ca61ep-6f, -0x1.5abe12p-4f, -0x1.f12af4p-9f, 0x1.4a1ac4p-4f,
    -0x1.681f5ep-4f, -0x1.6b59fep-4f, 0x1.b0fffep-3f, -0x1.c3bdd2p-4f, -0x1.69b4p-3f,
    -0x1.aace18p-4f, -0x1.0d158cp-3f, -0x1.74266ep-5f, -0x1.9a825p-5f, -0x1.38a8bap-5f,
    0x1.076cbep-7f, -0x1.6631b2p-6f, -0x1.094742p-5f, -0x1.cfb642p-6f, 0x1.e95caep-5f,
    0x1.91bfc4p-4f, -0x1.6b9212p-4f, -0x1.55ebe2p-3f, -0x1.f5fb48p-7f, -0x1.27ae48p-5f,
    0x1.3338ccp-7f, 0x1.39f30cp-4f, -0x1.cbd2c8p-5f, 0x1.e0f0bep-5f, -0x1.78c95p-5f,
    -0x1.6e1938p-5f, 0x1.d6c7ep-4f, 0x1.57f728p-3f, -0x1.e4aa02p-8f, -0x1.b1ada2p-2f,
    -0x1.3ed5e4p-3f, -0x1.f8fc2ep-8f, 0x1.12940ep-7f, 0x1.260c92p-4f, 0x1.f8aaaap-4f,
    0x1.23ae5ap-8f, -0x1.08ea1p-4f, -0x1.4f3e66p-2f, 0x1.2f131ap-5f, -0x1.ea050ep-7f,
    -0x1.ac9afcp-6f, 0x1.4425a6p-5f, -0x1.d5152cp-5f, -0x1.ef4abep-4f, -0x1.70df1ap-5f,
    -0x1.b4395ap-4f, -0x1.2c2f56p-5f, 0x1.3107f8p-5f, 0x1.0af7bp-3f, 0x1.299e5cp-4f, 0x1.b00dfcp-5f,
    -0x1.861eaep-6f, 0x1.50b6fep-4f, 0x1.28555ep-4f, 0x1.7a757cp-4f, 0x1.b6e232p-4f,
    -0x1.a38feep-7f, -0x1.f71068p-4f, -0x1.3fbd8ep-3f, 0x1.5e2f4cp-5f, 0x1.0e23bep-3f,
    -0x1.f8963ep-7f, -0x1.61eeaep-7f, 0x1.c4195p-5f, -0x1.5c7254p-4f, -0x1.c01cecp-7f,
    0x1.72448cp-4f, -0x1.ad7aeap-8f, 0x1.b33054p-6f, 0x1.d7d9c4p-5f, -0x1.783854p-6f,
    -0x1.b71fbcp-6f, 0x1.586ca8p-5f, 0x1.55e208p-6f, 0x1.30f44ap-5f, -0x1.11a056p-4f,
    0x1.116f46p-5f, 0x1.28a9cep-6f, 0x1.0a9668p-9f, -0x1.29631cp-6f, 0x1.715d4ep-5f, 0x1.fc0e18p-6f,
    0x1.d96f4ap-5f, 0x1.7e60f6p-5f, -0x1.46fd7p-12f, -0x1.bbb2bcp-4f, 0x1.6baa7ep-7f,
    -0x1.f6418ep-6f, 0x1.46fffcp-3f, 0x1.062cbcp-3f, 0x1.ba1c3p-5f, 0x1.1ec8a6p-4f, -0x1.8d7cc2p-5f,
    -0x1.45221p-4f, 0x1.b663b6p-5f, -0x1.edb486p-7f, 0x1.259f94p-5f, 0x1.b2bd1cp-4f, 0x1.5c6d84p-7f,
    -0x1.a05b8ep-13f, -0x1.c3b732p-5f, -0x1.bcdcaep-6f, -0x1.7cc328p-5f, 0x1.3c2ed4p-7f,
    0x1.cbcaacp-5f, 0x1.28e394p-5f, -0x1.e83ee4p-6f, -0x1.ac8e64p-7f, -0x1.9536e4p-7f,
    0x1.369c96p-4f, 0x1.cda0f6p-5f, 0x1.9bd728p-4f, -0x1.29eda4p-6f, -0x1.08771cp-4f,
    -0x1.5eb14ap-3f, 0x1.e69938p-4f, 0x1.095482p-3f, 0x1.107acp-2f, 0x1.3bd394p-3f, 0x1.1c8f22p-4f,
    -0x1.6b12d2p-5f, -0x1.a19ad8p-3f, 0x1.ade944p-6f, 0x1.52d838p-5f, -0x1.366baep-4f,
    -0x1.9d10e2p-5f, -0x1.67781ap-7f, -0x1.c9d4aap-5f, 0x1.76b16cp-6f, -0x1.06dd5p-5f,
    -0x1.700de8p-7f, 0x1.e40c3ap-6f, 0x1.1a4ed6p-6f, 0x1.daef9ep-5f, 0x1.9a14cep-7f, 0x1.19db4cp-4f,
    -0x1.33cae8p-4f, 0x1.7a8dc2p-4f, 0x1.292688p-4f, -0x1.1aebf2p-12f, 0x1.a68408p-4f,
    -0x1.030b6cp-5f, -0x1.b25dfp-5f, -0x1.4199ep-5f, 0x1.8ece14p-4f, 0x1.fd0254p-4f, -0x1.2f008p-5f,
    0x1.6f6dfp-7f, -0x1.f93fcap-9f, -0x1.cf1792p-5f, -0x1.a5250cp-6f, -0x1.d6dccap-5f,
    -0x1.b2110cp-5f, -0x1.f3dfd4p-4f, 0x1.f02756p-5f, -0x1.330266p-4f, -0x1.065d22p-3f,
    -0x1.3fd35ep-6f, -0x1.d6a516p-5f, -0x1.557134p-4f, -0x1.a19bc4p-5f, 0x1.db4ff8p-7f,
    -0x1.fe4c28p-5f, 0x1.f5246cp-6f, -0x1.460098p-5f, -0x1.6e388p-7f, 0x1.e05a38p-4f, 0x1.62d2cp-4f,
    0x1.9c785p-5f, -0x1.91499ap-8f, 0x1.dcfe9cp-6f, -0x1.99bef6p-5f, -0x1.411b26p-4f,
    -0x1.435af4p-4f, -0x1.8dffb4p-6f, -0x1.068e92p-6f, 0x1.247274p-7f, -0x1.38ec88p-7f,
    -0x1.5ece8cp-5f, 0x1.a0cb64p-5f, 0x1.e81eacp-4f, 0x1.04985p-3f, 0x1.e93214p-3f, 0x1.203636p-3f,
    0x1.19e67ap-3f, -0x1.356774p-4f, -0x1.3eea9ap-9f, 0x1.7f730cp-4f, 0x1.189a5p-3f, 0x1.875c74p-3f,
    0x1.27ee7ap-5f, -0x1.481c58p-7f, 0x1.bf133cp-5f, 0x1.8505fp-5f, 0x1.339f96p-4f, -0x1.d04bfap-5f,
    0x1.4c920cp-3f, 0x1.d2bcacp-8f, -0x1.fdae7ap-4f, 0x1.fbb1fcp-5f, -0x1.92eadcp-5f,
    -0x1.388d24p-4f, -0x1.16e152p-5f, -0x1.473f7cp-6f, 0x1.2862eap-9f, -0x1.2dde7ep-3f,
    -0x1.58012ap-5f, 0x1.d4b7f4p-6f, -0x1.34fcc2p-5f, 0x1.f3d60cp-5f, -0x1.13ca1cp-5f,
    0x1.9c61fap-6f, -0x1.5e6178p-3f, -0x1.3a26a6p-4f, 0x1.e4a4dcp-7f, -0x1.c4c0f2p-6f,
    0x1.3db82cp-4f, 0x1.09d8ecp-4f, 0x1.51e602p-5f, -0x1.97603p-3f, -0x1.391ef8p-4f,
    -0x1.d140f4p-4f, 0x1.2d1b0cp-4f, -0x1.4d3edp-3f, -0x1.e2927p-3f, -0x1.25f05ap-4f,
    -0x1.3389eap-3f, 0x1.5b4dp-4f, 0x1.722914p-4f, 0x1.7ef3c6p-4f, -0x1.66f742p-3f, -0x1.0ba03ap-2f,
    -0x1.504ae2p-3f, 0x1.1d7884p-5f, -0x1.25582p-9f, -0x1.b0a2ep-5f, -0x1.8864aep-4f,
    -0x1.18f13cp-2f, -0x1.50f634p-3f, -0x1.d090f4p-3f, -0x1.cf92dcp-6f, 0x1.3ad61cp-4f,
    -0x1.c2b9c6p-7f, 0x1.3deceep-6f, 0x1.a48b14p-5f, -0x1.2a4d8cp-4f, 0x1.09d1e6p-6f,
    0x1.7d04c2p-6f, 0x1.421c54p-5f, 0x1.cc486cp-5f, -0x1.4de43ep-6f, 0x1.08bc3ap-4f, 0x1.49d12p-5f,
    0x1.4581dp-4f, -0x1.b5e60ep-4f, 0x1.1ad4acp-6f, 0x1.a5d7b2p-6f, -0x1.cab112p-5f, -0x1.e0d7ep-6f,
    -0x1.077a72p-4f, 0x1.70fff4p-7f, -0x1.b362c4p-9f, -0x1.22c6dep-7f, -0x1.f85ea8p-4f,
    0x1.5b4228p-5f, -0x1.4af808p-6f, 0x1.4b9398p-7f, 0x1.28dabep-4f, 0x1.40c71cp-7f, 0x1.5afadep-7f,
    -0x1.97ed3ep-4f, -0x1.0bd98cp-4f, 0x1.eab5e2p-6f, 0x1.84fa12p-8f, -0x1.13cfap-4f,
    0x1.e14f08p-6f, 0x1.2bf482p-5f, -0x1.7070dp-4f, -0x1.0090fp-4f, -0x1.74b97ep-3f,
    -0x1.712bc8p-4f, 0x1.8c3cfap-9f, 0x1.4c994cp-4f, -0x1.18c06cp-4f, -0x1.be6332p-5f,
    -0x1.07bf36p-6f, -0x1.1bf582p-3f, -0x1.25862ep-3f, 0x1.f62362p-7f, -0x1.d3e734p-4f,
    -0x1.176f9cp-4f, 0x1.273c24p-5f, -0x1.6bf1d4p-5f, -0x1.f7652p-5f, 0x1.bf10ccp-5f, 0x1.7c399p-5f,
    0x1.9c3e3p-6f, -0x1.485d2ep-4f, -0x1.da7204p-5f, 0x1.85d532p-7f, -0x1.cea2c2p-8f,
    0x1.356b8ep-5f, -0x1.21812cp-7f, -0x1.44ad78p-6f, -0x1.1284e8p-6f, 0x1.74e69cp-8f,
    -0x1.e074d4p-5f, -0x1.338a4p-3f, -0x1.7b5b6ep-3f, 0x1.426dbp-5f, 0x1.825c3p-4f, 0x1.a8ed14p-5f,
    0x1.d4d866p-7f, -0x1.822ddp-4f, -0x1.4ff0bcp-3f, -0x1.6c7dd2p-3f, -0x1.445f5p-3f,
    -0x1.913942p-5f, 0x1.381492p-4f, 0x1.6b79dep-8f, 0x1.991efep-9f, -0x1.fcfd8ep-6f,
    0x1.ad9cf8p-5f, 0x1.bd9a9ep-5f, -0x1.c7caecp-5f, 0x1.0ce66ap-4f, -0x1.cb21b8p-6f,
    -0x1.497e1p-5f, -0x1.a4757ep-5f, -0x1.4bd9e6p-3f, -0x1.a472d8p-4f, -0x1.45e67ap-5f,
    -0x1.0efbfap-5f, 0x1.a223e2p-5f, 0x1.7aad62p-4f, 0x1.032356p-4f, -0x1.3e9226p-3f,
    -0x1.72943cp-3f, -0x1.b0bacap-4f, 0x1.164cf4p-4f, 0x1.42dc66p-5f, 0x1.284e68p-5f,
    0x1.058b08p-4f, 0x1.ed453ep-6f, -0x1.0fbfacp-9f, -0x1.686242p-4f, 0x1.2f8062p-4f, 0x1.831dap-5f,
    -0x1.3d5aa6p-4f, 0x1.21ced4p-6f, 0x1.e2c18ap-8f, 0x1.12f6fcp-4f, 0x1.8edbc4p-4f, 0x1.0808a4p-6f,
    -0x1.06c9dap-4f, 0x1.0a7a02p-6f, -0x1.57b53p-4f, -0x1.8377cep-10f, 0x1.281ff8p-10f,
    0x1.4326a8p-4f, 0x1.11273ap-3f, -0x1.37b47ap-9f, -0x1.e5c25ep-5f, 0x1.49ed48p-6f,
    0x1.19af64p-7f, 0x1.4f8d24p-6f, 0x1.83c58cp-5f, 0x1.1cbb6ep-4f, -0x1.ae0494p-4f,
    -0x1.30d0bcp-4f, -0x1.d27b34p-5f, 0x1.14bf84p-4f, 0x1.86f37p-11f, 0x1.532554p-6f,
    -0x1.0fe048p-3f, 0x1.b130dcp-4f, 0x1.bf45fep-5f, 0x1.5968f4p-4f, 0x1.3b563ep-3f, 0x1.ab363cp-4f,
    0x1.b694bp-4f, 0x1.05183ap-6f, 0x1.b2993ep-6f, 0x1.10058ep-5f, -0x1.9d52cap-4f, -0x1.ab3b56p-3f,
    -0x1.36d5a6p-2f, 0x1.f7c3fep-3f, -0x1.d7a6eep-6f, -0x1.5b1d08p-5f, -0x1.6f02dcp-6f,
    -0x1.7cfce2p-4f, -0x1.c977d6p-3f, -0x1.21256p-2f, -0x1.7a99fep-5f, -0x1.797b38p-5f,
    -0x1.30f22cp-3f, -0x1.3dd3dp-4f, -0x1.d866d4p-4f, 0x1.ad7faep-5f, -0x1.22fbf2p-5f,
    0x1.018878p-6f, -0x1.96e162p-7f, -0x1.f3f52p-4f, -0x1.1eecfep-6f, 0x1.327702p-4f,
    0x1.bba6dep-5f, 0x1.47e014p-4f, 0x1.58e858p-3f, -0x1.6a59ep-5f, -0x1.c022ap-5f, -0x1.8f3f6ap-5f,
    -0x1.73848ap-8f, -0x1.e66866p-6f, 0x1.393cb2p-4f, 0x1.61dfa8p-3f, 0x1.7d4522p-8f,
    -0x1.8527f4p-5f, 0x1.806876p-5f, 0x1.08371ep-4f, 0x1.32fff8p-3f, 0x1.fa46d8p-7f,
    -0x1.8783f2p-4f, -0x1.a14008p-4f, -0x1.409ab6p-5f, -0x1.1d7fa2p-4f, -0x1.198c24p-5f,
    0x1.a4ccap-4f, -0x1.7896fap-6f, 0x1.75072ep-5f, -0x1.6640fp-4f, -0x1.0b8c8p-4f, -0x1.9014bp-5f,
    -0x1.54f23ap-5f, 0x1.443b24p-3f, 0x1.38227ap-3f, 0x1.5fcc94p-3f, -0x1.00895p-4f, 0x1.261916p-3f,
    0x1.c55326p-5f, 0x1.56d23ap-5f, 0x1.4e6bbp-5f, 0x1.fa0ceep-6f, 0x1.346d56p-4f, 0x1.2ef584p-6f,
    0x1.ae74d8p-5f, 0x1.1a246ap-3f, -0x1.7a5ad6p-5f, -0x1.fa8ec4p-7f, -0x1.f2e92ep-4f,
    -0x1.7ec8cep-3f, -0x1.ab7b04p-5f, 0x1.bcfce2p-5f, 0x1.a7a63ap-5f, 0x1.b4ac9cp-6f,
    -0x1.06945cp-6f, -0x1.44a4f8p-5f, -0x1.4afe86p-6f, 0x1.03cae2p-5f, -0x1.f6bc0cp-6f,
    0x1.f11382p-6f, 0x1.ce58d6p-7f, 0x1.802a9ep-7f, -0x1.f6ce7p-5f, 0x1.58ee9cp-5f, 0x1.79c456p-4f,
    -0x1.57b9bep-4f, -0x1.4138d2p-7f, -0x1.04d074p-6f, 0x1.c3545p-8f, 0x1.6fe96ep-7f,
    -0x1.fad72ap-5f, -0x1.f9b7c2p-4f, -0x1.0de978p-4f, -0x1.d7c7cap-7f, -0x1.6e9a8ep-6f,
    0x1.f25fc6p-4f, 0x1.5dac86p-4f, -0x1.ed19eep-6f, 0x1.589248p-5f, -0x1.9c3ba4p-3f,
    -0x1.bb022ap-4f, -0x1.e2300ep-6f, 0x1.a5baap-4f, 0x1.309e6p-3f, 0x1.9de9e2p-5f, -0x1.99142ep-8f,
    -0x1.262edp-3f, -0x1.e44ed8p-6f, -0x1.6cf346p-6f, -0x1.a6ff3ap-5f, -0x1.2d189p-7f,
    0x1.50c004p-4f, 0x1.999b5p-5f, 0x1.7e9702p-4f, 0x1.8c5436p-5f, 0x1.5016bcp-6f, -0x1.dac0c8p-8f,
    -0x1.3261f2p-4f, -0x1.5371e4p-4f, -0x1.5a64aep-4f, 0x1.0c3bd2p-4f, 0x1.1dd304p-3f,
    0x1.bd7e5p-6f, 0x1.f15f1ep-7f, -0x1.787c74p-6f, 0x1.685aacp-9f, 0x1.407614p-3f, -0x1.11df1ap-4f,
    0x1.ed961p-5f, 0x1.cbe19p-3f, 0x1.7b2486p-4f, 0x1.6157b2p-4f, -0x1.ee5c8cp-5f, -0x1.45245cp-5f,
    0x1.4258e6p-4f, -0x1.5e5f44p-5f, 0x1.96ca2cp-4f, -0x1.28399ep-5f, 0x1.9606cep-4f,
    0x1.7c6e28p-7f, -0x1.9b84b2p-6f, 0x1.5c49a4p-9f, -0x1.1d530cp-4f, -0x1.73737p-4f,
    -0x1.dc7e2p-4f, -0x1.8cc642p-5f, -0x1.07210ap-5f, -0x1.d8cea8p-5f, -0x1.46c5d6p-10f,
    0x1.785a8ap-5f, -0x1.41650ap-7f, -0x1.fe584p-4f, -0x1.3ad2e8p-4f, -0x1.0b05cap-7f,
    -0x1.110a96p-6f, 0x1.838c7ep-6f, 0x1.0d122ap-5f, 0x1.292f54p-5f, -0x1.29f964p-4f,
    -0x1.312554p-9f, 0x1.d11268p-5f, -0x1.a33dd6p-4f, -0x1.656cc8p-7f, 0x1.2afd26p-4f,
    0x1.36e82p-4f, 0x1.030698p-4f, 0x1.fe19dap-5f, -0x1.68fe6ap-9f, -0x1.bc83bep-6f, 0x1.0c8474p-4f,
    0x1.a7221cp-4f, 0x1.fcbbp-5f, 0x1.bc5552p-9f, -0x1.625788p-5f, -0x1.7d7a64p-6f, -0x1.de5692p-5f,
    -0x1.fba528p-4f, -0x1.9b8c2ap-6f, -0x1.2d1958p-7f, -0x1.82c1e2p-4f, -0x1.1157fcp-4f,
    -0x1.175738p-4f, 0x1.1b0dd6p-4f, 0x1.288e46p-5f, 0x1.8a0292p-5f, 0x1.163a5ep-4f, 0x1.935586p-4f,
    0x1.01fef2p-3f, 0x1.6f548ep-5f, 0x1.84abdcp-6f, 0x1.12fd1ap-4f, 0x1.8be97ap-4f, 0x1.023206p-4f,
    0x1.cffee2p-6f, -0x1.3db044p-6f, -0x1.25cee2p-3f, 0x1.284f56p-6f, 0x1.c34188p-4f,
    0x1.b31cb4p-4f, 0x1.be723p-5f, -0x1.178efp-3f, -0x1.15de6cp-3f, -0x1.256b02p-4f, 0x1.b516bp-5f,
    0x1.5b81c2p-4f, 0x1.6db75p-5f, 0x1.2971fcp-4f, -0x1.0ba614p-3f, -0x1.3babap-3f, -0x1.bc9c22p-5f,
    0x1.5e3b7ap-6f, 0x1.84a8d2p-5f, 0x1.8673bp-5f, 0x1.73d4dap-5f, 0x1.7c288ap-5f, -0x1.ba4dccp-5f,
    0x1.fa14b4p-6f, 0x1.692e6cp-4f, -0x1.4db16ep-5f, 0x1.947a3ep-5f, -0x1.ed452p-6f,
    -0x1.8c2abep-5f, -0x1.158278p-7f, 0x1.4ffa44p-4f, -0x1.0f7f42p-4f, -0x1.a90b9ap-11f,
    -0x1.629ecap-4f, -0x1.e11548p-4f, -0x1.041634p-2f, -0x1.28ce16p-3f, -0x1.95829ap-5f,
    -0x1.d6253ep-7f, 0x1.3b545ep-3f, 0x1.84c70ep-5f, -0x1.d06888p-8f, -0x1.260126p-4f,
    0x1.062952p-3f, 0x1.395acep-4f, -0x1.3d155ep-8f, -0x1.767b92p-4f, -0x1.2d176p-3f,
    -0x1.cea3d8p-3f, -0x1.6c27bcp-6f, 0x1.245214p-4f, 0x1.7944p-3f, -0x1.89ef62p-6f,
    -0x1.aef048p-6f, -0x1.dd38ep-3f, -0x1.c8145p-3f, 0x1.0f67aep-4f, 0x1.40eeb8p-3f,
    -0x1.55308cp-5f, 0x1.0f0c2cp-5f, -0x1.ca6d2p-4f, -0x1.e017f4p-3f, -0x1.1f230ep-4f,
    0x1.00790cp-4f, -0x1.77e4d6p-8f, -0x1.09b98ap-2f, 0x1.52f97cp-7f, -0x1.a89fbep-9f,
    -0x1.ee837ap-6f, -0x1.cd784p-6f, 0x1.851abcp-8f, 0x1.545bc8p-5f, -0x1.026f52p-5f,
    0x1.1af0acp-6f, 0x1.7dd4b4p-9f, 0x1.8f374ap-4f, 0x1.0a385cp-3f, 0x1.a88ed2p-4f, -0x1.8d00b6p-6f,
    -0x1.c693f2p-5f, -0x1.52b486p-3f, -0x1.6409e6p-3f, -0x1.77159ep-4f, -0x1.bff568p-7f,
    -0x1.5f6f3ep-7f, 0x1.02a9a2p-5f, -0x1.8d703ap-4f, 0x1.89cb5ap-5f, 0x1.46492ap-4f,
    0x1.8ea8aep-4f, -0x1.77e89cp-5f, 0x1.1eb974p-5f, -0x1.bbb9b2p-5f, -0x1.476db8p-8f,
    -0x1.49b044p-6f, -0x1.484ab8p-5f, -0x1.1a9dap-4f, -0x1.0602c2p-6f, 0x1.d19fcp-9f,
    -0x1.f96bccp-6f, -0x1.87a8c4p-3f, -0x1.07e00ep-5f, -0x1.be5148p-4f, -0x1.aef1fap-9f,
    -0x1.bd9f68p-5f, 0x1.7419ecp-5f, 0x1.31b47ap-4f, 0x1.d9ff14p-4f, -0x1.8807p-4f, -0x1.86d784p-4f,
    -0x1.eea42ep-5f, 0x1.877e0ap-5f, 0x1.925f1p-4f, 0x1.eb27b2p-5f, 0x1.2adbdap-8f, -0x1.e9e964p-5f,
    -0x1.02953ep-2f, -0x1.4b1e72p-4f, -0x1.f1f9aep-6f, 0x1.d93e42p-10f, -0x1.1e10cep-5f,
    -0x1.2b5aaap-3f, -0x1.53a066p-13f, -0x1.2d2ef6p-2f, -0x1.f95812p-4f, 0x1.0fe1fap-7f,
    -0x1.68afe8p-7f, 0x1.626594p-5f, -0x1.22aa42p-4f, 0x1.1019acp-7f, -0x1.22109cp-1f,
    -0x1.9c6872p-2f, -0x1.06daa8p-2f, -0x1.65755cp-4f, 0x1.5fae74p-7f, -0x1.95840ep-6f,
    0x1.cbc2ecp-4f, 0x1.95bb1ep-6f, -0x1.dc5944p-6f, 0x1.6c56ccp-4f, 0x1.027ceap-5f, 0x1.4b9d5cp-5f,
    -0x1.2eb216p-8f, 0x1.530bc8p-5f, 0x1.dccbccp-5f, 0x1.cc08ecp-4f, -0x1.71a3ccp-5f,
    0x1.0110b6p-5f, -0x1.679718p-5f, 0x1.302f7p-8f, 0x1.0af686p-4f, 0x1.695eb4p-4f, -0x1.2b6112p-6f,
    -0x1.25a2e2p-5f, -0x1.3aafd2p-5f, 0x1.e77ddep-8f, -0x1.084fecp-5f, -0x1.492772p-5f,
    -0x1.590762p-4f, -0x1.24b6e6p-3f, -0x1.15655cp-3f, 0x1.e218aap-6f, -0x1.a070c4p-10f,
    -0x1.df932cp-6f, 0x1.2c7848p-5f, 0x1.68b052p-9f, -0x1.4780a6p-5f, -0x1.965114p-4f,
    0x1.6791c4p-5f, -0x1.d27c86p-6f, -0x1.aca39cp-4f, 0x1.3c62a6p-4f, 0x1.884f5ap-12f,
    -0x1.f93a4p-4f, 0x1.2dc53ap-5f, -0x1.2248bep-4f, -0x1.fc110ap-5f, -0x1.b6d382p-5f,
    0x1.4a71e2p-5f, 0x1.9df6bcp-4f, 0x1.1a4212p-3f, 0x1.2435bap-5f, 0x1.f5166cp-4f, 0x1.4c8306p-5f,
    0x1.8555cp-5f, 0x1.1ed9e4p-7f, -0x1.59239p-5f, -0x1.40f552p-4f, -0x1.3fdd4ep-4f,
    -0x1.28987cp-5f, -0x1.580b2cp-5f, -0x1.2e99e8p-4f, 0x1.22179ep-7f, -0x1.216cd4p-4f,
    -0x1.3d6264p-10f, -0x1.f18418p-6f, -0x1.e0da2cp-5f, 0x1.350164p-7f, -0x1.3bd42cp-8f,
    0x1.badd9p-5f, 0x1.acaa3ep-8f, -0x1.927bc4p-4f, 0x1.6643d4p-5f, 0x1.0f9df8p-3f, 0x1.213e8ap-4f,
    0x1.cc5b34p-6f, 0x1.4a838cp-5f, -0x1.04f3d2p-5f, 0x1.53bd32p-5f, 0x1.7e6ep-5f, 0x1.c4cc8ap-5f,
    0x1.a7dc5ep-6f, -0x1.48d86ep-5f, -0x1.19164p-7f, 0x1.55d976p-4f, 0x1.51f154p-5f, 0x1.c4b20ep-5f,
    0x1.c059bcp-7f, 0x1.25ad98p-6f, 0x1.f60ff8p-4f, -0x1.a3d142p-4f, 0x1.9db30ep-11f,
    0x1.a4d488p-7f, 0x1.5803dap-4f, -0x1.1a201cp-6f, -0x1.1c7cb6p-4f, -0x1.3973eap-5f,
    -0x1.b4be7p-6f, 0x1.1a5a32p-4f, 0x1.61da7ap-5f, 0x1.a36512p-4f, 0x1.2c127ep-3f, -0x1.1a0078p-4f,
    0x1.873e14p-4f, 0x1.111a12p-4f, -0x1.7dcde2p-3f, -0x1.2b718ap-6f, -0x1.e5fb9p-2f,
    -0x1.a81564p-7f, -0x1.b7601cp-4f, -0x1.28b86ep-5f, -0x1.a4955p-5f, 0x1.e6c1f2p-4f,
    0x1.61f812p-3f, 0x1.09cce6p-4f, -0x1.77329ap-6f, -0x1.26c5a2p-3f, -0x1.d2d0a4p-3f,
    0x1.a7cafep-5f, 0x1.b7d32ep-4f, 0x1.55afecp-6f, 0x1.238f06p-3f, 0x1.f320bp-6f, -0x1.94d4f4p-5f,
    -0x1.acdef8p-5f, 0x1.660996p-8f, -0x1.fa67bp-5f, -0x1.e3ea52p-4f, -0x1.d3837cp-4f,
    -0x1.a664d6p-5f, 0x1.585e12p-4f, -0x1.90493p-4f, -0x1.62d1dcp-3f, -0x1.58261ap-3f,
    -0x1.9b267cp-5f, -0x1.bd3046p-4f, 0x1.e42534p-5f, 0x1.db8b72p-4f, -0x1.1ede62p-3f,
    -0x1.c1a952p-5f, -0x1.9315eap-4f, -0x1.11a886p-3f, -0x1.15cc5ep-4f, -0x1.f26d68p-5f,
    -0x1.b48a44p-4f, -0x1.4c1edep-3f, -0x1.56b54ap-7f, -0x1.82724p-6f, -0x1.8277b4p-5f,
    0x1.32153ap-7f, -0x1.047e4ep-3f, 0x1.6a6f66p-8f, -0x1.2bdcf2p-4f, -0x1.094f6p-7f,
    0x1.3cab7cp-7f, -0x1.287f5cp-3f, -0x1.51671ep-4f, 0x1.b67e04p-6f, -0x1.f40484p-5f,
    0x1.86457cp-8f, -0x1.0122d4p-4f, -0x1.90c47p-5f, 0x1.27cd36p-4f, -0x1.03a164p-6f,
    -0x1.4b4d92p-5f, -0x1.62a9acp-6f, -0x1.3ebd7cp-4f, 0x1.0cf752p-3f, 0x1.03e53p-4f,
    0x1.836bd2p-5f, 0x1.c2e354p-4f, 0x1.294cdep-11f, 0x1.aa104ap-6f, -0x1.7570bp-4f, 0x1.e2fff6p-5f,
    0x1.c62eeep-3f, 0x1.bef338p-4f, -0x1.f5d53cp-4f, -0x1.8014e8p-6f, 0x1.20627ap-6f,
    -0x1.82bf16p-4f, -0x1.5603e6p-4f, 0x1.d408f4p-4f, -0x1.ca737cp-5f, 0x1.3647f6p-7f,
    0x1.2806e8p-6f, 0x1.9154a2p-6f, -0x1.2778c4p-4f, 0x1.86d7dep-4f, -0x1.4911b4p-6f,
    -0x1.569686p-4f, -0x1.80b7f4p-3f, -0x1.9b3b2ap-5f, -0x1.ae7574p-3f, -0x1.f8d5bcp-5f,
    0x1.d60afp-4f, 0x1.66e604p-6f, -0x1.41172ep-4f, -0x1.76613p-3f, -0x1.ea7648p-5f, 0x1.f0171p-5f,
    0x1.80f5f8p-3f, -0x1.59e012p-4f, 0x1.53ad86p-5f, -0x1.6cf9a8p-4f, 0x1.39b244p-6f,
    -0x1.d3129ap-9f, -0x1.d70f02p-5f, -0x1.86272ap-5f, -0x1.707cp-4f, -0x1.23f7b2p-4f,
    -0x1.090146p-4f, -0x1.848bbcp-5f, 0x1.70761ep-9f, 0x1.d75528p-8f, -0x1.5adf2p-5f,
    -0x1.96f2fap-4f, 0x1.6c538p-5f, 0x1.b7aea6p-7f, 0x1.5c55e2p-4f, -0x1.f9c4c4p-6f, 0x1.00c382p-4f,
    0x1.5a6436p-9f, -0x1.52f14p-7f, 0x1.703e32p-4f, -0x1.fd0978p-8f, 0x1.1008d2p-4f, 0x1.26ca3p-5f,
    -0x1.63d1bep-4f, 0x1.f194e8p-8f, -0x1.7938ep-4f, -0x1.1bfa74p-4f, -0x1.84f436p-5f,
    0x1.47eb5ep-4f, -0x1.330cfcp-10f, -0x1.94307cp-5f, -0x1.8f9bc8p-4f, -0x1.fd1dbcp-4f,
    0x1.e4186ap-5f, 0x1.13ce74p-4f, 0x1.bfdbbep-4f, 0x1.2b9d0ap-5f, 0x1.58e5ep-5f, 0x1.1d3d12p-4f,
    -0x1.3754b8p-3f, -0x1.52eddp-7f, -0x1.05c78p-4f, -0x1.0792c4p-6f, -0x1.a5a2dep-5f,
    0x1.6c9b9p-7f, 0x1.8cdec6p-7f, -0x1.205dd4p-4f, 0x1.166302p-4f, -0x1.ed1ffap-6f, 0x1.b927dap-5f,
    0x1.5cb91ep-6f, 0x1.42c69ap-5f, -0x1.d38162p-6f, -0x1.825892p-4f, 0x1.32cb5p-5f,
    -0x1.a56818p-8f, -0x1.0f304ep-6f, -0x1.a9db5ep-5f, -0x1.60b522p-6f, -0x1.6c83fp-5f,
    0x1.04133cp-6f, 0x1.f17868p-6f, -0x1.652c6ep-5f, -0x1.cc58a8p-4f, -0x1.9b9224p-6f,
    -0x1.5ac6f6p-7f, 0x1.d0d4dcp-6f, -0x1.345066p-6f, -0x1.b3842cp-7f, -0x1.f16e32p-5f,
    0x1.b15e12p-6f, -0x1.38bebap-6f, -0x1.13fcd6p-5f, 0x1.3d9224p-4f, 0x1.d92ae2p-4f,
    0x1.19da7cp-4f, 0x1.d8d44p-4f, -0x1.6457c6p-5f, -0x1.b2ebfep-4f, -0x1.99d9a8p-4f,
    -0x1.e9c6a2p-5f, 0x1.a57214p-5f, 0x1.ed92fap-5f, -0x1.2537f2p-7f, -0x1.5231fep-4f,
    0x1.2b862ap-7f, 0x1.1b2d16p-5f, -0x1.75bc2cp-4f, -0x1.33b328p-7f, -0x1.39819ap-5f,
    -0x1.346012p-3f, -0x1.1490fcp-5f, -0x1.558f48p-7f, -0x1.9c8e46p-5f, -0x1.128828p-4f,
    -0x1.31321ep-3f, -0x1.46b442p-4f, -0x1.2ffdcap-5f, -0x1.6d5a5ap-3f, -0x1.ded26cp-6f,
    0x1.a346a4p-6f, -0x1.066f7cp-2f, -0x1.1f6874p-4f, -0x1.6b8672p-3f, -0x1.2c84aep-4f,
    0x1.1a70ccp-6f, 0x1.772138p-6f, 0x1.a8384ap-7f, 0x1.70d27ep-4f, -0x1.f447bp-6f, 0x1.5f24c2p-5f,
    0x1.011024p-4f, 0x1.23c38cp-4f, -0x1.516f86p-5f, -0x1.a7b908p-6f, -0x1.def5aep-7f,
    0x1.a6ebd6p-5f, 0x1.4f03d8p-4f, 0x1.1551b2p-4f, -0x1.b1ac6p-7f, 0x1.c33a02p-7f, 0x1.644d84p-4f,
    0x1.e20cfap-5f, -0x1.d0c1c6p-5f, -0x1.125d94p-3f, -0x1.2a352ep-4f, 0x1.9f5b9ep-6f,
    -0x1.1a3f8ep-6f, 0x1.0ede4p-6f, -0x1.4bcffep-4f, -0x1.80d416p-5f, 0x1.6dad9ap-6f,
    0x1.1bb628p-8f, -0x1.a0644cp-6f, -0x1.13ff52p-8f, -0x1.66bfd2p-4f, -0x1.6f1bbcp-6f,
    0x1.23427ap-5f, 0x1.7822acp-4f, 0x1.ed06f6p-7f, 0x1.c1db84p-4f, -0x1.c45f36p-5f,
    -0x1.48dd2ap-7f, -0x1.9ac6cp-4f, -0x1.d56484p-5f, 0x1.f3dbecp-4f, 0x1.05cf9ep-5f,
    0x1.3bf9bep-6f, 0x1.ac36f8p-5f, 0x1.db030ep-9f, -0x1.0b19c6p-7f, 0x1.c7f61p-6f, -0x1.91eb8ep-6f,
    0x1.e05b9ep-5f, 0x1.4dbdfcp-5f, 0x1.46205ep-5f, 0x1.2bf3d4p-5f, -0x1.0a98a6p-5f,
    -0x1.6cb13ep-4f, -0x1.372854p-4f, -0x1.0912acp-3f, 0x1.9ef164p-6f, -0x1.1422ap-6f,
    0x1.69bce8p-4f, -0x1.9dbbbcp-5f, -0x1.19529cp-6f, -0x1.f72182p-5f, -0x1.6b082ep-4f,
    0x1.ce7d12p-5f, 0x1.3aaacp-5f, -0x1.8ce68cp-5f, -0x1.374a1p-3f, -0x1.798f4p-4f, -0x1.a96f76p-6f,
    -0x1.ca133cp-7f, -0x1.c108a2p-6f, -0x1.0ee624p-5f, 0x1.2f57d6p-5f, 0x1.f45b08p-4f,
    -0x1.31c8bcp-5f, -0x1.815c6ap-3f, -0x1.18facep-3f, 0x1.7c59dcp-4f, -0x1.a7d782p-6f,
    -0x1.3c4366p-5f, -0x1.470994p-4f, -0x1.eb5826p-3f, -0x1.7e1692p-3f, -0x1.be2024p-4f,
    0x1.ed22ep-5f, -0x1.030604p-3f, -0x1.097b46p-2f, -0x1.019a78p-3f, 0x1.10373p-8f,
    0x1.953a4ep-11f, 0x1.2a2f3cp-8f, -0x1.74f004p-8f, -0x1.f8a37cp-4f, -0x1.a39438p-5f,
    -0x1.684396p-4f, -0x1.33fbe6p-4f, -0x1.619966p-4f, -0x1.403f08p-4f, 0x1.eede8p-8f,
    0x1.366214p-4f, -0x1.ba3a34p-5f, -0x1.01cfb4p-4f, -0x1.255ed6p-5f, -0x1.6e0a28p-5f,
    0x1.359214p-5f, 0x1.00fddp-4f, 0x1.68f7bcp-4f, 0x1.7ccf6p-5f, 0x1.ae4c9p-5f, -0x1.ee727cp-5f,
    -0x1.0f5594p-6f, 0x1.b5723p-4f, -0x1.06ede2p-4f, 0x1.001562p-7f, 0x1.36a14p-6f, 0x1.003996p-6f,
    -0x1.2c383ep-6f, 0x1.c15b0ap-4f, 0x1.ba3738p-6f, -0x1.ab8494p-3f, 0x1.60186ep-5f,
    -0x1.46b586p-7f, 0x1.6299b8p-6f, -0x1.e7da88p-10f, -0x1.5c18bcp-5f, -0x1.d1764ep-4f,
    -0x1.fd6e22p-4f, -0x1.2cecd8p-4f, -0x1.d2dbb4p-6f, 0x1.4ac21p-9f, -0x1.2e3bccp-6f,
    -0x1.5942f8p-6f, 0x1.7b5826p-4f, 0x1.71a47ep-5f, 0x1.351e2cp-7f, 0x1.cffcbcp-7f, 0x1.3dbd56p-7f,
    0x1.940912p-5f, 0x1.9a9f54p-4f, 0x1.fa3f9p-4f, -0x1.1477fep-3f, -0x1.089dd4p-3f, 0x1.00225ep-5f,
    -0x1.963c3ap-7f, -0x1.64654ep-4f, 0x1.e8eacap-5f, -0x1.98945ep-4f, -0x1.71004cp-6f,
    -0x1.bc9cd2p-4f, -0x1.e9d07cp-4f, -0x1.e8704p-4f, 0x1.5b504p-6f, 0x1.2821ap-6f, 0x1.049682p-4f,
    -0x1.58ccc6p-6f, -0x1.baf796p-6f, -0x1.46c644p-4f, -0x1.512208p-3f, 0x1.abdcf2p-5f,
    -0x1.adc17p-7f, -0x1.8f9804p-6f, 0x1.1a718ap-4f, -0x1.bc7a2ap-10f, 0x1.eaafa8p-4f,
    -0x1.a6b27cp-3f, -0x1.a00e54p-4f, -0x1.082f82p-4f, -0x1.4eb5b2p-3f, -0x1.7b3382p-4f,
    0x1.03be3cp-7f, 0x1.d45f92p-5f, -0x1.9b4b6ep-8f, 0x1.ab1356p-5f, 0x1.b64114p-6f, -0x1.3a3p-5f,
    -0x1.5351e2p-6f, -0x1.901918p-6f, -0x1.3f33eap-6f, 0x1.de65c6p-8f, 0x1.dd9e8ep-4f,
    -0x1.efc29ep-8f, 0x1.7a278cp-4f, 0x1.feb9f2p-4f, 0x1.38828cp-4f, 0x1.c17bb4p-4f,
    -0x1.30b58ep-6f, -0x1.698c7p-2f, -0x1.086dbcp-2f, -0x1.5d76aep-2f, -0x1.113aaep0f,
    -0x1.4a21fcp-2f, -0x1.57dd92p-2f, -0x1.626c52p-5f, 0x1.dbf782p-5f, -0x1.d4285cp-3f,
    -0x1.15f75ep-3f, 0x1.78dc88p-4f, 0x1.037d4p-4f, 0x1.d2944p-5f, -0x1.59db1p-3f, -0x1.33f942p-4f,
    -0x1.57d864p-3f, -0x1.a340fcp-6f, 0x1.a5e6e6p-8f, -0x1.fb0da2p-4f, 0x1.0577eap-6f,
    -0x1.ecd084p-4f, -0x1.bb1574p-7f, 0x1.0392e8p-3f, 0x1.10bec8p-4f, 0x1.77d848p-4f,
    0x1.1192ecp-5f, -0x1.1085a6p-3f, -0x1.fc88f8p-4f, 0x1.93a152p-5f, 0x1.cd2a6p-4f, 0x1.35d706p-4f,
    0x1.c22232p-4f, -0x1.ab9514p-4f, -0x1.5f14bep-3f, -0x1.237a22p-4f, -0x1.4a819ep-6f,
    -0x1.90efb6p-8f, 0x1.af8f1ep-6f, 0x1.68ca46p-5f, -0x1.5d9f8p-4f, -0x1.3d326ep-6f,
    0x1.00f3ecp-4f, -0x1.a1d096p-6f, -0x1.f59cbap-5f, -0x1.6f6c0ap-4f, 0x1.27323cp-9f,
    0x1.2a3b5ep-8f, 0x1.b8edcp-6f, 0x1.ab13cp-4f, -0x1.ed1eb4p-5f, -0x1.ce667cp-4f, 0x1.b4069cp-4f,
    -0x1.523a04p-7f, -0x1.634a7ap-4f, 0x1.3053e4p-4f, -0x1.b742c4p-4f, -0x1.90dfcep-5f,
    0x1.912ec4p-6f, 0x1.53c012p-5f, 0x1.a4df18p-3f, 0x1.6b897p-5f, -0x1.257a1ep-7f, -0x1.195b16p-5f,
    0x1.3d287ep-5f, -0x1.572b6ap-5f, -0x1.3ec678p-6f, 0x1.68124ap-7f, 0x1.44db9ap-4f,
    -0x1.37b6fcp-5f, -0x1.53cb0ep-4f, -0x1.33342p-4f, -0x1.bc241p-3f, -0x1.3a6f94p-4f,
    0x1.1c588cp-4f, 0x1.4fb066p-6f, -0x1.f69a8ep-4f, -0x1.ed62e6p-4f, -0x1.6305f2p-3f,
    -0x1.cf832cp-4f, 0x1.06541p-7f, 0x1.9489cep-6f, -0x1.ba9e88p-4f, -0x1.0a81d2p-2f,
    -0x1.29199p-4f, -0x1.3fb0cap-6f, 0x1.07f7aap-5f, 0x1.3023fp-4f, -0x1.01b03ap-4f, -0x1.ac6dep-5f,
    0x1.23fe6p-13f, 0x1.a35daep-5f, 0x1.898f84p-6f, 0x1.5c58cep-3f, 0x1.cd8f42p-5f, -0x1.44361p-5f,
    -0x1.d2478ap-6f, -0x1.38c1e8p-5f, -0x1.457e04p-6f
};

static const float linear_bias[10] = {
    -0x1.1f5822p-5f, -0x1.a2695ap-6f, 0x1.b8150cp-6f, -0x1.b23b4ep-4f, -0x1.13585cp-5f,
    0x1.d1da5cp-6f, -0x1.399c1ep-4f, 0x1.db46d4p-4f, -0x1.9e8fb8p-4f, -0x1.6d4e52p-7f
};

/* Loops run through whole vectors of this many floats. */
#if defined(__AVX512F__)
enum { LANES = 16 };
#else
enum { LANES = 8 };
#endif

/* block 1: pooled pixels of a plane, and which of them are no border */
enum { N1 = (55 + LANES - 1) / LANES * LANES };
static const float block1_keep[1][N1] = {
    {1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0,
     1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1}
};

/* Block 1: convolution, ReLU and max-pool of one channel to one plane. */
static inline void block1_plane(
    const float *restrict x, int row0, int row1, int row2, int row3, int column0, int column1,
    int column2, int column3, const float *restrict w,
    float bias, const float *restrict keep, float *restrict y) {
    for (int q = 0; q < N1; ++q) {
        const float x0_0 = x[row0 + column0 + q]; const float x0_1 = x[row0 + column1 + q];
        const float x0_2 = x[row0 + column2 + q]; const float x0_3 = x[row0 + column3 + q];
        const float x1_0 = x[row1 + column0 + q]; const float x1_1 = x[row1 + column1 + q];
        const float x1_2 = x[row1 + column2 + q]; const float x1_3 = x[row1 + column3 + q];
        const float x2_0 = x[row2 + column0 + q]; const float x2_1 = x[row2 + column1 + q];
        const float x2_2 = x[row2 + column2 + q]; const float x2_3 = x[row2 + column3 + q];
        const float x3_0 = x[row3 + column0 + q]; const float x3_1 = x[row3 + column1 + q];
        const float x3_2 = x[row3 + column2 + q]; const float x3_3 = x[row3 + column3 + q];
        float s0 = bias; float s1 = bias; float s2 = bias; float s3 = bias;
        s0 += w[0] * x0_0; s1 += w[0] * x0_1; s2 += w[0] * x1_0; s3 += w[0] * x1_1;
        s0 += w[1] * x0_1; s1 += w[1] * x0_2; s2 += w[1] * x1_1; s3 += w[1] * x1_2;
        s0 += w[2] * x0_2; s1 += w[2] * x0_3; s2 += w[2] * x1_2; s3 += w[2] * x1_3;
        s0 += w[3] * x1_0; s1 += w[3] * x1_1; s2 += w[3] * x2_0; s3 += w[3] * x2_1;
        s0 += w[4] * x1_1; s1 += w[4] * x1_2; s2 += w[4] * x2_1; s3 += w[4] * x2_2;
        s0 += w[5] * x1_2; s1 += w[5] * x1_3; s2 += w[5] * x2_2; s3 += w[5] * x2_3;
        s0 += w[6] * x2_0; s1 += w[6] * x2_1; s2 += w[6] * x3_0; s3 += w[6] * x3_1;
        s0 += w[7] * x2_1; s1 += w[7] * x2_2; s2 += w[7] * x3_1; s3 += w[7] * x3_2;
        s0 += w[8] * x2_2; s1 += w[8] * x2_3; s2 += w[8] * x3_2; s3 += w[8] * x3_3;
        float best = 0;
        best = s0 > best ? s0 : best; best = s1 > best ? s1 : best; best = s2 > best ? s2 : best;
        best = s3 > best ? s3 : best;
        y[q] = keep[q] * best;
    }
}

static void block1(const float *restrict x, int channel, float *restrict y) {
    const float *w = convs_0_weight + channel * 9;
    const float bias = convs_0_bias[channel];
    block1_plane(x, 9, 265, 521, 777, 0, 64, 128, 192, w, bias, block1_keep[0], y + 9);
    block1_plane(x, 8, 264, 520, 776, 128, 192, 1, 65, w, bias, block1_keep[0], y + 72);
    block1_plane(x, 513, 769, 9, 265, 0, 64, 128, 192, w, bias, block1_keep[0], y + 129);
    block1_plane(x, 512, 768, 8, 264, 128, 192, 1, 65, w, bias, block1_keep[0], y + 192);
}

/* block 2: pooled pixels of a plane, and which of them are no border */
enum { N2 = (55 + LANES - 1) / LANES * LANES };
static const float block2_keep[1][N2] = {
    {1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0,
     1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1}
};

/* Block 2: what one input channel adds to the sums of one output channel. */
static inline void block2_add(
    const float *restrict x, const float *restrict w,
    float *restrict sum) {
    for (int q = 0; q < N2; ++q) {
        const float x0_0 = x[0 + q]; const float x0_1 = x[64 + q]; const float x0_2 = x[1 + q];
        const float x0_3 = x[65 + q]; const float x1_0 = x[128 + q]; const float x1_1 = x[192 + q];
        const float x1_2 = x[129 + q]; const float x1_3 = x[193 + q]; const float x2_0 = x[8 + q];
        const float x2_1 = x[72 + q]; const float x2_2 = x[9 + q]; const float x2_3 = x[73 + q];
        const float x3_0 = x[136 + q]; const float x3_1 = x[200 + q];
        const float x3_2 = x[137 + q]; const float x3_3 = x[201 + q];
        float s0 = sum[0 * N2 + q]; float s1 = sum[1 * N2 + q]; float s2 = sum[2 * N2 + q];
        float s3 = sum[3 * N2 + q];
        s0 += w[0] * x0_0; s1 += w[0] * x0_1; s2 += w[0] * x1_0; s3 += w[0] * x1_1;
        s0 += w[1] * x0_1; s1 += w[1] * x0_2; s2 += w[1] * x1_1; s3 += w[1] * x1_2;
        s0 += w[2] * x0_2; s1 += w[2] * x0_3; s2 += w[2] * x1_2; s3 += w[2] * x1_3;
        s0 += w[3] * x1_0; s1 += w[3] * x1_1; s2 += w[3] * x2_0; s3 += w[3] * x2_1;
        s0 += w[4] * x1_1; s1 += w[4] * x1_2; s2 += w[4] * x2_1; s3 += w[4] * x2_2;
        s0 += w[5] * x1_2; s1 += w[5] * x1_3; s2 += w[5] * x2_2; s3 += w[5] * x2_3;
        s0 += w[6] * x2_0; s1 += w[6] * x2_1; s2 += w[6] * x3_0; s3 += w[6] * x3_1;
        s0 += w[7] * x2_1; s1 += w[7] * x2_2; s2 += w[7] * x3_1; s3 += w[7] * x3_2;
        s0 += w[8] * x2_2; s1 += w[8] * x2_3; s2 += w[8] * x3_2; s3 += w[8] * x3_3;
        sum[0 * N2 + q] = s0; sum[1 * N2 + q] = s1; sum[2 * N2 + q] = s2; sum[3 * N2 + q] = s3;
    }
}

/* Block 2: ReLU and max-pool of the sums to one plane. */
static void block2_pool(const float *restrict sum, const float *restrict keep,
                        float *restrict y) {
    for (int q = 0; q < N2; ++q) {
        float best = 0;
        best = sum[0 * N2 + q] > best ? sum[0 * N2 + q] : best;
        best = sum[1 * N2 + q] > best ? sum[1 * N2 + q] : best;
        best = sum[2 * N2 + q] > best ? sum[2 * N2 + q] : best;
        best = sum[3 * N2 + q] > best ? sum[3 * N2 + q] : best;
        y[q] = keep[q] * best;
    }
}

/* The last layer: 16 sums side by side for each class. */
static void linear(const float *restrict x, float *restrict logits) {
    for (int k = 0; k < 10; ++k) {
        const float *restrict w = linear_weight + k * 196;
        float sum[16] = {0};
        int i = 0;
        for (; i <= 196 - 16; i += 16) {
            for (int lane = 0; lane < 16; ++lane) sum[lane] += w[i + lane] * x[i + lane];
        }
        for (; i < 196; ++i) sum[i % 16] += w[i] * x[i];
        for (int half = 8; half > 0; half /= 2) {
            for (int lane = 0; lane < half; ++lane) sum[lane] += sum[lane + half];
        }
        logits[k] = linear_bias[k] + sum[0];
    }
}

/* The whole network. */
static void run(const uint8_t *restrict pixels, float *restrict logits) {
    float x1[1033] = {0};
    float x2[265] = {0};
    float sum2[4 * 4 * N2];
    float map[64];
    float features[196];
    for (int c = 0; c < 1; ++c) {
        for (int y = 0; y < 28; ++y, pixels += 28) {
            const int at_y = (y + 3) % 4 * 256 + (y + 3) / 4 * 8;
            float *row = x1 + c * 1024 + at_y;
            for (int i = 0; i < 4; ++i) {
                float *at = row + (i + 3) % 4 * 64 + (i + 3) / 4;
                for (int x = i; x < 28; x += 4) *at++ = (float)pixels[x] * 0x1.010102p-8f;
            }
        }
    }
    for (int o = 0; o < 4; ++o) {
        for (int q = 0; q < (4 * N2); ++q) sum2[o * (4 * N2) + q] = convs_1_bias[o];
    }
    for (int c = 0; c < 16; ++c) {
        block1(x1, c, x2);
        for (int o = 0; o < 4; ++o) {
            block2_add(x2, convs_1_weight + (o * 16 + c) * 9, sum2 + o * 4 * N2);
        }
    }
    for (int o = 0; o < 4; ++o) {
        block2_pool(sum2 + o * 4 * N2, block2_keep[0], map + 0);
        for (int y = 0; y < 7; ++y) {
            for (int x = 0; x < 7; ++x) {
                features[(o * 7 + y) * 7 + x] = map[y * 8 + x];
            }
        }
    }
    linear(features, logits);
}


/* e to the power of x, for x from 0 down. */
static float power_of_e(float x) {
#ifdef CNNKIT_MNIST_OWN_EXPF
    /* e^x = 2^n e^r with |r| <= ln(2)/2; Taylor's series of e^r is then good to 5e-9 */
    union {
        uint32_t bits;
        float value;
    } two_to_n;
    float n, r, sum = 1.0f;
    if (!(x > -87.0f)) return 0.0f;
    n = (float)(int32_t)(x * 1.44269504f - 0.5f);
    r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    for (int k = 7; k > 0; --k) sum = 1.0f + r / (float)k * sum;
    two_to_n.bits = (uint32_t)((int32_t)n + 127) << 23;
    return sum * two_to_n.value;
#else
    return expf(x);
#endif
}

void cnnkit_mnist_logits(const uint8_t pixels[784], float logits[10]) {
    run(pixels, logits);
}

int cnnkit_mnist_predict(const uint8_t pixels[784], float probabilities[10]) {
    float logits[10], sum = 0.0f;
    int label = 0;
    run(pixels, logits);
    for (int k = 1; k < 10; ++k) {
        if (logits[k] > logits[label]) label = k;
    }
    for (int k = 0; k < 10; ++k) {
        probabilities[k] = power_of_e(logits[k] - logits[label]);
        sum += probabilities[k];
    }
    for (int k = 0; k < 10; ++k) probabilities[k] /= sum;
    return label;
}

#ifdef CNNKIT_MNIST_SELF_TEST
static const uint8_t golden_images[12544] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11, 150,
    253, 202, 31, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 37, 251, 251,
    253, 107, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 21, 197, 251, 251,
    253, 107, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 110, 190, 251, 251,
    251, 253, 169, 109, 62, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 253, 251, 251,
    251, 251, 253, 251, 251, 220, 51, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 182, 255,
    253, 253, 253, 253, 234, 222, 253, 253, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 63,
    221, 253, 251, 251, 251, 147, 77, 62, 128, 251, 251, 105, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 32, 231, 251, 253, 251, 220, 137, 10, 0, 0, 31, 230, 251, 243, 113, 5, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 37, 251, 251, 253, 188, 20, 0, 0, 0, 0, 0, 109, 251, 253, 251, 35, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 37, 251, 251, 201, 30, 0, 0, 0, 0, 0, 0, 31, 200, 253, 251, 35, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 37, 253, 253, 0, 0, 0, 0, 0, 0, 0, 0, 32, 202, 255, 253, 164, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 140, 251, 251, 0, 0, 0, 0, 0, 0, 0, 0, 109, 251, 253, 251, 35, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 217, 251, 251, 0, 0, 0, 0, 0, 0, 21, 63, 231, 251, 253, 230, 30,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 217, 251, 251, 0, 0, 0, 0, 0, 0, 144, 251, 251, 251, 221,
    61, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 217, 251, 251, 0, 0, 0, 0, 0, 182, 221, 251, 251,
    251, 180, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 218, 253, 253, 73, 73, 228, 253, 253, 255,
    253, 253, 253, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 113, 251, 251, 253, 251, 251,
    251, 251, 253, 251, 251, 251, 147, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 31, 230, 251,
    253, 251, 251, 251, 251, 253, 230, 189, 35, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    62, 142, 253, 251, 251, 251, 251, 253, 107, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 72, 174, 251, 173, 71, 72, 30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 38, 254, 109, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 87, 252, 82, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 135, 241, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    45, 244, 150, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 84,
    254, 63, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 202, 223,
    11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 254, 216, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 95, 254, 195, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 140, 254, 77, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 57, 237, 205, 8, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 124, 255, 165, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 171, 254, 81, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24, 232, 215, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 120, 254, 159, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 151, 254, 142, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 228, 254, 66, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 61, 251, 254, 66, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    141, 254, 205, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 215,
    254, 121, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 198, 176,
    10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 116, 125,
    171, 255, 255, 150, 93, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 169, 253,
    253, 253, 253, 253, 253, 218, 30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 169,
    253, 253, 253, 213, 142, 176, 253, 253, 122, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    52, 250, 253, 210, 32, 12, 0, 6, 206, 253, 140, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 77, 251, 210, 25, 0, 0, 0, 122, 248, 253, 65, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 31, 18, 0, 0, 0, 0, 209, 253, 253, 65, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 117, 247, 253, 198, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 76, 247, 253, 231, 63, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 128, 253, 253, 144, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 176, 246, 253, 159, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25,
    234, 253, 233, 35, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 198,
    253, 253, 141, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 78, 248,
    253, 189, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 19, 200, 253,
    253, 141, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 134, 253, 253,
    173, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 248, 253, 253, 25,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 248, 253, 253, 43, 20,
    20, 20, 20, 5, 0, 5, 20, 20, 37, 150, 150, 150, 147, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 248, 253,
    253, 253, 253, 253, 253, 253, 168, 143, 166, 253, 253, 253, 253, 253, 253, 253, 123, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 174, 253, 253, 253, 253, 253, 253, 253, 253, 253, 253, 253, 249, 247, 247, 169,
    117, 117, 57, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 118, 123, 123, 123, 166, 253, 253, 253, 155, 123,
    123, 41, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 41, 146, 146, 48, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 129, 253, 253, 253, 250, 163, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 133, 253, 253, 253, 253, 253, 253, 229, 70, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 101, 253, 252, 145, 102, 107, 237, 253, 247, 128, 10, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 181, 253, 167, 0, 0, 0, 61, 235, 253, 253, 163, 5,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 253, 43, 0, 0, 0, 0, 58, 193, 253, 253,
    164, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 187, 253, 32, 0, 0, 0, 0, 0, 55, 236, 253,
    253, 86, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 146, 253, 32, 0, 100, 190, 87, 87, 87,
    147, 253, 253, 123, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 94, 253, 78, 40, 248, 253, 253,
    253, 253, 253, 253, 253, 223, 84, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14, 92, 12, 35,
    240, 253, 253, 253, 253, 253, 253, 253, 253, 253, 244, 89, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 75, 161, 179, 253, 253, 253, 253, 253, 253, 253, 253, 253, 209, 43, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 16, 16, 39, 38, 16, 16, 145, 243, 253, 253, 185, 48, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 58, 0, 0, 0, 0, 0, 0, 0, 0, 58, 209, 253, 253, 183, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 77, 221, 247, 79, 0, 0, 0, 0, 0, 0, 0, 0, 13, 219, 253, 240, 72,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 90, 247, 253, 252, 57, 0, 0, 0, 0, 0, 0, 0, 0, 53, 251, 253,
    191, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 116, 253, 253, 59, 0, 0, 0, 0, 0, 0, 0, 0, 99, 252,
    253, 145, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14, 188, 253, 221, 158, 38, 0, 0, 0, 0, 111, 211,
    246, 253, 253, 145, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 221, 246, 253, 251, 249, 249,
    249, 249, 253, 253, 253, 253, 200, 19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 95, 183,
    228, 253, 253, 253, 253, 253, 253, 195, 124, 23, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 24, 37, 138, 74, 126, 88, 37, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50, 224, 0, 0, 0, 0,
    0, 0, 0, 70, 29, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 121, 231, 0, 0, 0, 0, 0, 0,
    0, 148, 168, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 195, 231, 0, 0, 0, 0, 0, 0, 0,
    96, 210, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 69, 252, 134, 0, 0, 0, 0, 0, 0, 0,
    114, 252, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 45, 236, 217, 12, 0, 0, 0, 0, 0, 0, 0,
    192, 252, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 168, 247, 53, 0, 0, 0, 0, 0, 0, 0, 18,
    255, 253, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 84, 242, 211, 0, 0, 0, 0, 0, 0, 0, 0, 141,
    253, 189, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 169, 252, 106, 0, 0, 0, 0, 0, 0, 0, 32, 232,
    250, 66, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15, 225, 252, 0, 0, 0, 0, 0, 0, 0, 0, 134, 252,
    211, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 22, 252, 164, 0, 0, 0, 0, 0, 0, 0, 0, 169, 252,
    167, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 204, 209, 18, 0, 0, 0, 0, 0, 0, 22, 253, 253,
    107, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 169, 252, 199, 85, 85, 85, 85, 129, 164, 195,
    252, 252, 106, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 41, 170, 245, 252, 252, 252, 252,
    232, 231, 251, 252, 252, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 49, 84, 84, 84,
    84, 0, 0, 161, 252, 252, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 127, 252, 252, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    128, 253, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 127,
    252, 252, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 135, 252,
    244, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 232, 236, 111,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 179, 66, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17, 47, 47, 47,
    16, 129, 85, 47, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 75, 153, 217, 253, 253,
    253, 215, 246, 253, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 35, 142, 244, 252, 253,
    253, 253, 253, 253, 253, 253, 253, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 63, 253,
    253, 253, 253, 253, 253, 253, 213, 170, 170, 170, 170, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 132,
    72, 0, 57, 238, 227, 238, 168, 124, 69, 20, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11,
    206, 253, 78, 0, 0, 32, 0, 30, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 177,
    253, 132, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 133, 253,
    233, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 92, 253, 223, 28,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 150, 253, 174, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 234, 253, 246, 127, 49, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 253, 253, 253, 251, 147, 91,
    121, 85, 42, 42, 85, 28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 139, 253, 253, 253, 253,
    253, 253, 253, 253, 253, 253, 253, 232, 168, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 53,
    218, 222, 251, 253, 253, 253, 253, 253, 253, 253, 253, 252, 124, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 67, 72, 200, 253, 253, 253, 253, 253, 253, 253, 175, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 120, 253, 249, 152, 51, 164, 253, 253, 175, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50, 253, 253, 253, 188, 252, 253, 253, 148, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 167, 253, 253, 253, 253, 250, 175, 11, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 23, 180, 231, 253, 221, 128, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 93, 149, 22, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 204, 253, 176, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 150, 252, 252, 125, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 117, 252, 186, 56, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 141, 252, 118, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 154, 247, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 26, 253, 196, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 150, 253, 196, 0, 0, 0, 0, 0, 0, 0, 57, 85, 85, 38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 225, 253, 96, 0, 0, 0, 0, 0, 151, 226, 243, 252, 252, 238, 125, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 10, 229, 226, 0, 0, 0, 4, 54, 229, 253, 255, 234, 175, 225, 255, 228, 31, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 110, 252, 150, 0, 0, 26, 128, 252, 252, 227, 134, 28, 0, 0, 178, 252,
    56, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 159, 252, 113, 0, 0, 150, 253, 252, 186, 43, 0, 0, 0, 0,
    141, 252, 56, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 185, 252, 113, 0, 38, 237, 253, 151, 6, 0, 0, 0,
    0, 0, 141, 202, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 198, 253, 114, 0, 147, 253, 163, 0, 0, 0, 0,
    0, 0, 0, 154, 197, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 197, 252, 113, 0, 172, 252, 188, 0, 0, 0,
    0, 0, 0, 26, 253, 171, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 197, 252, 113, 0, 19, 231, 247, 122,
    19, 0, 0, 0, 0, 200, 244, 56, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 26, 222, 252, 113, 0, 0, 25, 203,
    252, 193, 13, 0, 76, 200, 249, 125, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 185, 253, 179, 10, 0,
    0, 0, 76, 35, 29, 154, 253, 244, 125, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 28, 209, 253,
    196, 82, 57, 57, 131, 197, 252, 253, 214, 81, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    25, 216, 252, 252, 252, 253, 252, 252, 252, 156, 19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 16, 103, 139, 240, 140, 139, 139, 40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 84, 185, 159, 151, 60, 36, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 222, 254, 254, 254, 254, 241, 198, 198, 198,
    198, 198, 198, 198, 198, 170, 52, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 67, 114, 72, 114, 163,
    227, 254, 225, 254, 254, 254, 250, 229, 254, 254, 140, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 17, 66, 14, 67, 67, 67, 59, 21, 236, 254, 106, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 83, 253, 209, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 22, 233, 255, 83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 129, 254, 238, 44, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 59, 249, 254, 62, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 133, 254, 187, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9,
    205, 248, 58, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 126, 254,
    182, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 75, 251, 240, 57,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 19, 221, 254, 166, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 203, 254, 219, 35, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 38, 254, 254, 77, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 31, 224, 254, 115, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 133, 254, 254, 52, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 61, 242, 254, 254, 52, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 121, 254, 254, 219, 40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 121, 254, 207, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 43, 47, 47, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 108, 249, 253, 253, 208, 207, 207, 207, 149, 65, 13, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 184, 254, 253, 253, 253, 254, 253, 253, 253, 254,
    253, 213, 25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 55, 203, 254, 254, 199, 127, 127, 60, 93,
    84, 68, 151, 222, 254, 161, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 138, 253, 253, 199, 19, 0, 0,
    0, 0, 0, 0, 0, 155, 253, 211, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 138, 253, 253, 17, 0, 0, 0,
    0, 0, 0, 0, 74, 241, 253, 211, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 105, 253, 253, 102, 0, 0,
    0, 0, 0, 0, 34, 229, 253, 253, 160, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 149, 254, 229, 40,
    0, 0, 0, 38, 153, 254, 254, 254, 180, 25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 19, 198,
    254, 207, 9, 34, 72, 235, 253, 253, 224, 139, 13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 17, 211, 253, 215, 240, 254, 253, 234, 128, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 102, 229, 253, 253, 253, 228, 77, 13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 70, 170, 254, 254, 254, 254, 254, 254, 119, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    26, 130, 230, 254, 253, 253, 185, 115, 64, 211, 253, 248, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 166, 232, 253, 253, 247, 162, 46, 13, 7, 91, 245, 253, 254, 56, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 128, 253, 253, 253, 210, 93, 127, 159, 204, 253, 253, 253, 228, 15, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 134, 241, 254, 255, 254, 254, 254, 254, 254, 254, 228, 34,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 27, 115, 140, 206, 206, 206, 207, 206, 123,
    15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 14, 149, 193, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 91, 224, 253, 253, 19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 28, 235, 254, 253, 253, 166, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 144, 253, 254, 253, 253, 253, 238, 115, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 31, 241, 253, 208, 185, 253, 253, 253, 231, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 79, 254, 193, 0, 8, 98, 219, 254, 255, 201, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 86, 253, 80, 0, 0, 0, 182, 253, 254, 191, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 175, 253, 155, 0, 0, 0, 234, 253, 254, 135, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 86, 253, 208, 40, 85, 166, 251, 237, 254, 236, 42, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 18, 238, 253, 254, 253, 253, 185, 36, 216, 253, 152, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 68, 240, 255, 254, 145, 8, 0, 134, 254, 223, 35, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 68, 158, 142, 12, 0, 0, 9, 175, 253, 161, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 88, 253, 226, 18, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 166, 253, 126, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 48, 245, 253, 38, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 115, 254, 172, 9, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 21, 218, 254, 46, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 30, 254, 165, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 186, 244, 42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14, 223, 78, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 77, 254, 107, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 19, 227, 254, 254, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 81, 254, 254, 165, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    7, 203, 254, 254, 73, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 53,
    254, 254, 250, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 134, 254,
    254, 180, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 196, 254, 248,
    48, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 58, 254, 254, 237, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 111, 254, 254, 132, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 163, 254, 238, 28, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 252, 254, 223, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 79, 254, 254, 154, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 163, 254, 238, 53, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 28, 252, 254, 210, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 86, 254, 254, 131, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 105, 254, 234, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 175, 254, 204, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 5, 211, 254, 196, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 3, 158, 254, 160, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    26, 157, 107, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 22, 192,
    134, 32, 0, 0, 0, 0, 0, 0, 0, 0, 15, 77, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17, 235, 250,
    169, 0, 0, 0, 0, 0, 0, 0, 0, 15, 220, 241, 37, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 189, 253,
    147, 0, 0, 0, 0, 0, 0, 0, 0, 0, 139, 253, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 70, 253, 253,
    21, 0, 0, 0, 0, 0, 0, 0, 0, 43, 254, 173, 13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 22, 153, 253, 96,
    0, 0, 0, 0, 0, 0, 0, 0, 43, 231, 254, 92, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 163, 255, 204, 11,
    0, 0, 0, 0, 0, 0, 0, 0, 104, 254, 158, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 162, 253, 178, 5,
    0, 0, 0, 0, 0, 0, 9, 131, 237, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 162, 253, 253,
    191, 175, 70, 70, 70, 70, 133, 197, 253, 253, 169, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 51,
    228, 253, 253, 254, 253, 253, 253, 253, 254, 253, 253, 219, 35, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 17, 65, 137, 254, 232, 137, 137, 137, 44, 253, 253, 161, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 34, 254, 206, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 160, 253, 69, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 85, 254, 241, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 158, 254, 165, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 231, 244, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 104, 254, 232, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 208, 253, 157, 0, 13, 30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    208, 253, 154, 91, 204, 161, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    208, 253, 254, 253, 154, 29, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    61, 190, 128, 23, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 36, 56, 137, 201, 199, 95, 37,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 45, 152, 234, 254, 254, 254, 254, 254,
    250, 211, 151, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 46, 153, 240, 254, 254, 227, 166,
    133, 251, 200, 254, 229, 225, 104, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 153, 234, 254, 254,
    187, 142, 8, 0, 0, 191, 40, 198, 246, 223, 253, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 126, 253,
    254, 233, 128, 11, 0, 0, 0, 0, 210, 43, 70, 254, 254, 254, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 72,
    243, 254, 228, 54, 0, 0, 0, 0, 3, 32, 116, 225, 242, 254, 255, 162, 5, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 75, 240, 254, 223, 109, 138, 178, 178, 169, 210, 251, 231, 254, 254, 254, 232, 38, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 175, 244, 253, 255, 254, 254, 251, 254, 254, 254, 254, 254, 252,
    171, 25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 136, 195, 176, 146, 153, 200, 254, 254,
    254, 254, 150, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 162, 254, 254,
    241, 99, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 118, 250, 254, 254,
    90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 242, 254, 254, 211,
    7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 54, 241, 254, 254, 242, 59, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 131, 254, 254, 244, 64, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13, 249, 254, 254, 152, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 228, 254, 254, 208, 8, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 78, 255, 254, 254, 66, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 209, 254, 254, 137, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 227, 255, 233, 25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 113, 255, 108, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 61, 3, 42, 118, 193,
    118, 118, 61, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14, 179, 245, 236, 242, 254,
    254, 254, 254, 245, 235, 84, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 151, 254, 254, 254,
    213, 192, 178, 178, 180, 254, 254, 241, 46, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 43, 235,
    254, 226, 64, 28, 12, 0, 0, 2, 128, 252, 255, 173, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    56, 254, 253, 107, 0, 0, 0, 0, 0, 0, 0, 134, 250, 254, 75, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 63, 254, 158, 0, 0, 0, 0, 0, 0, 0, 0, 0, 221, 254, 157, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 194, 254, 103, 0, 0, 0, 0, 0, 0, 0, 0, 0, 150, 254, 213, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    34, 220, 239, 58, 0, 0, 0, 0, 0, 0, 0, 0, 0, 84, 254, 213, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    126, 254, 171, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 84, 254, 213, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    214, 239, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 84, 254, 213, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    214, 199, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 84, 254, 213, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11,
    219, 199, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 84, 254, 213, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 98,
    254, 199, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 162, 254, 209, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 98,
    254, 199, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 51, 238, 254, 75, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 98,
    254, 199, 0, 0, 0, 0, 0, 0, 0, 0, 0, 51, 165, 254, 195, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 66,
    241, 199, 0, 0, 0, 0, 0, 0, 0, 0, 3, 167, 254, 227, 55, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    214, 213, 20, 0, 0, 0, 0, 0, 46, 152, 202, 254, 254, 63, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 214, 254, 204, 180, 180, 180, 180, 180, 235, 254, 254, 234, 156, 10, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 81, 205, 254, 254, 254, 254, 254, 254, 254, 252, 234, 120, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 26, 210, 254, 254, 254, 254, 254, 153, 104, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 49, 180, 253, 255, 253, 169, 36, 11, 76, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 5, 68, 228, 252, 252, 253, 252, 252, 160, 189, 253, 92, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 55, 252, 252, 227, 79, 69, 69, 100, 90, 236, 247, 67, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 43, 233, 252, 185, 50, 0, 0, 0, 26, 203, 252, 135, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 168, 253, 178, 37, 0, 0, 0, 0, 70, 252, 252, 63, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 155, 253, 242, 42, 0, 0, 0, 0, 5, 191, 253, 190, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 207, 252, 230, 0, 0, 0, 0, 5, 136, 252, 252, 64, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 207, 252, 230, 0, 0, 0, 32, 138, 252, 252, 227, 16, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 165, 252, 249, 207, 207, 207, 228, 253, 252, 252, 160, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 179, 253, 252, 252, 252, 252, 75, 169, 252, 56, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 116, 116, 74, 0, 149, 253, 215, 21, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 253, 252, 162, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 253, 240, 50, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 157, 253, 164, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 43, 240, 253, 92, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 93, 253, 252, 84, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 114, 252, 209, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 207, 252, 116, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 165, 252, 116, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 93, 200, 63, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 17, 66, 138, 255, 253, 169, 138, 23, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 5, 120, 228, 252, 252, 253, 252, 252, 252, 158, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 108, 252, 252, 252, 252, 190, 252, 252, 252, 252, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 43, 233, 252, 252, 252, 116, 5, 135, 252, 252, 252, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 43, 178, 253, 252, 221, 43, 2, 0, 5, 54, 232, 252, 210, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 93, 253, 255, 249, 115, 0, 0, 0, 0, 0, 136, 251, 255, 154,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 166, 252, 253, 185, 0, 0, 0, 0, 0, 0, 0, 209, 253,
    206, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 19, 220, 252, 253, 92, 0, 0, 0, 0, 0, 0, 0, 116,
    253, 206, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 70, 252, 252, 192, 17, 0, 0, 0, 0, 0, 0, 0,
    116, 253, 223, 25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 122, 252, 252, 63, 0, 0, 0, 0, 0, 0, 0,
    0, 116, 253, 252, 69, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 132, 253, 253, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 116, 255, 253, 69, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 184, 252, 252, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 116, 253, 252, 69, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 184, 252, 252, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 116, 253, 240, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 184, 252, 252, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 210, 253, 112, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 48, 232, 252, 158, 0, 0, 0, 0, 0, 0, 0,
    0, 230, 232, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 93, 253, 244, 50, 0, 0, 0, 0, 0, 0,
    155, 253, 168, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 34, 164, 253, 113, 0, 0, 0, 0, 0,
    66, 236, 231, 42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 222, 240, 134, 0, 0, 38,
    91, 234, 252, 137, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 177, 240, 207, 103,
    233, 252, 252, 176, 35, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15, 54, 179,
    252, 137, 137, 54, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0
};
static const uint8_t golden_labels[16] = {
    0, 1, 2, 8, 4, 5, 6, 7, 8, 9, 1, 4, 9, 0, 9, 0
};
static const float golden_logits[160] = {
    0x1.04619p2f, -0x1.e4f472p3f, -0x1.e597f6p2f, -0x1.1cb07ap4f, -0x1.927fe4p3f, -0x1.aef76ep3f,
    -0x1.c30fc8p2f, -0x1.59c93ep3f, -0x1.311e8ep3f, -0x1.8bc114p3f, -0x1.6f7104p1f, 0x1.0f69dcp3f,
    -0x1.5cabf2p1f, -0x1.6a93a4p2f, -0x1.370c68p0f, -0x1.683508p2f, -0x1.5c564p-1f, -0x1.d90088p0f,
    -0x1.6d80b2p-1f, -0x1.1cd49ep3f, -0x1.be2e02p1f, -0x1.c8b382p-1f, 0x1.be4e72p2f, -0x1.a3407ep2f,
    -0x1.5ebe8ap4f, -0x1.1a317p3f, -0x1.fb9746p1f, -0x1.a159d6p4f, -0x1.9a08bcp1f, -0x1.34b44p4f,
    -0x1.50e7f4p3f, -0x1.206a6ep4f, -0x1.00fceep3f, -0x1.6cac48p2f, -0x1.45f1cap4f, -0x1.410736p2f,
    -0x1.6f31ep3f, -0x1.3b338ap4f, -0x1.bc6cbap1f, -0x1.e6ef5ep3f, -0x1.29695ap3f, -0x1.ca21d4p2f,
    -0x1.120e84p3f, -0x1.38acdap3f, 0x1.4ddadap3f, -0x1.297b7cp3f, -0x1.2aa59p3f, -0x1.633d8cp2f,
    -0x1.db1e58p2f, -0x1.5c9b2p-1f, -0x1.37dep3f, -0x1.b68ae8p4f, -0x1.cb69fp3f, -0x1.18390ap4f,
    -0x1.072ae2p4f, 0x1.9cb5bcp1f, -0x1.a5a23cp1f, -0x1.39544cp4f, -0x1.e7a9cp1f, -0x1.8aede4p3f,
    -0x1.272b28p1f, -0x1.421ee2p3f, -0x1.7e6112p3f, -0x1.1862c8p4f, -0x1.1673e6p4f, -0x1.d2bde6p2f,
    0x1.15bcbcp3f, -0x1.131ca8p4f, -0x1.436812p2f, -0x1.6fc694p3f, -0x1.b8c69ep3f, -0x1.3af0f8p3f,
    -0x1.77f8e2p2f, -0x1.addbfap1f, -0x1.d15688p3f, -0x1.313824p3f, -0x1.76ddbp4f, 0x1.6325bp3f,
    -0x1.9b9966p2f, -0x1.5fdfcep2f, -0x1.813734p3f, -0x1.8db376p4f, -0x1.20bfccp3f, -0x1.14f158p3f,
    -0x1.36fb42p4f, -0x1.116842p3f, -0x1.c260c6p3f, -0x1.2d97a6p4f, -0x1.1bbb2cp0f, -0x1.94a4a4p2f,
    -0x1.0f5c1cp4f, -0x1.d30e08p2f, -0x1.f3990ep2f, -0x1.a29918p2f, -0x1.b7292p0f, -0x1.15c5f4p2f,
    -0x1.cb723ep3f, -0x1.13f13ep3f, -0x1.8f259p1f, 0x1.63722ap1f, -0x1.ea9448p1f, 0x1.191deap3f,
    -0x1.04018cp2f, -0x1.467e2ep2f, -0x1.010968p-1f, -0x1.216214p3f, -0x1.23a51ep2f, 0x1.f3009ep-1f,
    -0x1.700e22p-1f, -0x1.408a26p2f, -0x1.2c7376p4f, -0x1.643a72p2f, -0x1.24cc8ap3f, -0x1.733c7ap3f,
    0x1.265746p2f, -0x1.f5ecc8p2f, -0x1.4a5a9ep3f, -0x1.bc889cp2f, -0x1.56b2b4p-1f, -0x1.18b44cp1f,
    -0x1.e2c0bep3f, -0x1.2d02e8p4f, -0x1.f9f022p3f, -0x1.509c34p3f, -0x1.b87f28p2f, -0x1.911014p3f,
    -0x1.4efa44p4f, -0x1.ba38ccp1f, -0x1.b1dcaep2f, -0x1.a22fe2p-2f, 0x1.9caa9ap2f, -0x1.2edb9ap4f,
    -0x1.057672p3f, -0x1.11d44ep4f, -0x1.b98146p4f, -0x1.2f2c46p3f, -0x1.9146e8p2f, -0x1.2af5c6p4f,
    -0x1.c85604p2f, -0x1.2ae798p3f, -0x1.9d88aap3f, -0x1.a79144p3f, -0x1.8e8f96p3f, -0x1.b2a57p2f,
    -0x1.a127e2p-1f, -0x1.d86b66p2f, -0x1.ea7b5cp3f, -0x1.2f5834p0f, -0x1.0a3142p2f, 0x1.25ab68p2f,
    0x1.e33484p2f, -0x1.20687p4f, -0x1.487ff6p3f, -0x1.0ce4fp4f, -0x1.1b43f8p4f, -0x1.66a36ap3f,
    -0x1.3b51ap3f, -0x1.576e0ep3f, -0x1.44a8dap2f, -0x1.a2600cp2f
};
static const float golden_probabilities[160] = {
    0x1.fffcbp-1f, 0x1.33f682p-28f, 0x1.22d902p-17f, 0x1.603e56p-32f, 0x1.fa5e6ap-25f,
    0x1.a00e6cp-26f, 0x1.f2e0c2p-17f, 0x1.7474cap-22f, 0x1.4bd7c6p-20f, 0x1.38987cp-24f,
    0x1.89e0f2p-17f, 0x1.ffd51ap-1f, 0x1.c81616p-17f, 0x1.814b48p-21f, 0x1.01ce2cp-14f,
    0x1.8fd3a6p-21f, 0x1.b80d4p-14f, 0x1.11e36ep-15f, 0x1.a98afp-14f, 0x1.e4f3bcp-26f,
    0x1.e0f112p-16f, 0x1.923266p-12f, 0x1.ffc278p-1f, 0x1.66fe26p-20f, 0x1.3dee42p-42f,
    0x1.296204p-23f, 0x1.29aa6ap-16f, 0x1.3ca6dp-48f, 0x1.3eef44p-15f, 0x1.12feeep-38f,
    0x1.52ff1ep-11f, 0x1.80e22ap-22f, 0x1.01742ap-7f, 0x1.4bb592p-4f, 0x1.26f54cp-25f,
    0x1.480412p-3f, 0x1.071ee8p-12f, 0x1.20a078p-24f, 0x1.800bfep-1f, 0x1.8f42c8p-18f,
    0x1.742bfp-29f, 0x1.89bf4ep-26f, 0x1.8214b4p-28f, 0x1.cdf9ep-30f, 0x1.fffe06p-1f,
    0x1.73594ep-29f, 0x1.661462p-29f, 0x1.eb5246p-24f, 0x1.2df5f4p-26f, 0x1.f41c3ap-17f,
    0x1.37d58p-19f, 0x1.be68a2p-45f, 0x1.8ce4d8p-26f, 0x1.0e28ecp-30f, 0x1.88384ap-29f,
    0x1.fecb68p-1f, 0x1.820e5cp-10f, 0x1.10f412p-33f, 0x1.ccf186p-11f, 0x1.742d5ap-23f,
    0x1.1c5ab4p-16f, 0x1.f0918cp-28f, 0x1.2e2764p-30f, 0x1.25581cp-38f, 0x1.4b042p-38f,
    0x1.f0fc86p-24f, 0x1.fffd9ep-1f, 0x1.97e0b2p-38f, 0x1.23a8dep-20f, 0x1.dce50cp-30f,
    0x1.158422p-36f, 0x1.ba83c4p-31f, 0x1.6d6176p-25f, 0x1.1ac5a4p-21f, 0x1.019cfap-37f,
    0x1.2bce86p-30f, 0x1.2381a8p-50f, 0x1.ffffeap-1f, 0x1.a2cf1ap-26f, 0x1.0a385cp-24f,
    0x1.2a8dcep-16f, 0x1.a84aaep-35f, 0x1.7c4a8ap-12f, 0x1.12fdfcp-11f, 0x1.765c0ap-27f,
    0x1.331dbcp-11f, 0x1.37b552p-19f, 0x1.5098ep-26f, 0x1.fc785ap-1f, 0x1.61f858p-8f,
    0x1.6b1d9ep-29f, 0x1.5c3fa6p-15f, 0x1.a2e0ap-16f, 0x1.7342f8p-14f, 0x1.6967bp-7f,
    0x1.a2fe04p-11f, 0x1.3241c8p-25f, 0x1.7216dcp-17f, 0x1.63776cp-9f, 0x1.f87866p-1f,
    0x1.bc7374p-19f, 0x1.ffb3bap-1f, 0x1.61269ep-19f, 0x1.f3dcc8p-21f, 0x1.8447eap-14f,
    0x1.36890ap-26f, 0x1.aed14p-20f, 0x1.a8fe52p-12f, 0x1.389758p-14f, 0x1.124b94p-20f,
    0x1.338a74p-34f, 0x1.40d648p-15f, 0x1.1d1454p-20f, 0x1.892694p-24f, 0x1.fcc7cap-1f,
    0x1.07734ap-18f, 0x1.60a5b8p-22f, 0x1.42efd2p-17f, 0x1.4f816p-8f, 0x1.2470d8p-10f,
    0x1.af7816p-22f, 0x1.4c344ep-27f, 0x1.a222f6p-23f, 0x1.4472c4p-15f, 0x1.80ca32p-10f,
    0x1.5a574p-18f, 0x1.3e1462p-30f, 0x1.728102p-5f, 0x1.aad216p-10f, 0x1.e73c4ep-1f,
    0x1.ffff5ap-1f, 0x1.4f527p-37f, 0x1.e0f65cp-22f, 0x1.013858p-34f, 0x1.d9b14p-50f,
    0x1.0540d4p-23f, 0x1.92430ep-19f, 0x1.abd1f8p-37f, 0x1.5457cp-20f, 0x1.2a87fcp-23f,
    0x1.a7267cp-26f, 0x1.354238p-26f, 0x1.51cf82p-25f, 0x1.7c4f88p-17f, 0x1.24bb1ep-8f,
    0x1.a58bbp-18f, 0x1.31ae6ep-29f, 0x1.94532ep-9f, 0x1.4a763p-13f, 0x1.fc0b3ep-1f, 0x1.ffff76p-1f,
    0x1.12ccaap-37f, 0x1.3a9964p-26f, 0x1.d136dep-36f, 0x1.7af724p-37f, 0x1.eaaad4p-28f,
    0x1.daf2bcp-26f, 0x1.8a9a98p-27f, 0x1.ba5792p-19f, 0x1.99255ap-21f
};

static int differ(const float *a, const float *b) {
    for (int k = 0; k < 10; ++k) {
        const float error = a[k] - b[k];
        if (!(error <= 0x1.21583ep-12f && error >= -0x1.21583ep-12f)) return 1;
    }
    return 0;
}

int cnnkit_mnist_self_test(void) {
    int wrong = 0;
    for (int i = 0; i < 16; ++i) {
        float logits[10], probabilities[10];
        const uint8_t *pixels = golden_images + i * 784;
        cnnkit_mnist_logits(pixels, logits);
        wrong += cnnkit_mnist_predict(pixels, probabilities) != golden_labels[i] ||
            differ(logits, golden_logits + i * 10) ||
            differ(probabilities, golden_probabilities + i * 10);
    }
    return wrong;
}
#endif

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from degcraft.errors import DegcraftError
from degcraft.metrics import FIDELITY, fidelity, luma, psnr_rgb, psnr_y, ssim_rgb, ssim_y
from degcraft.streams import stream


def synthetic_pair():
    y, x, c = np.meshgrid(np.arange(48), np.arange(64), np.arange(3), indexing="ij")
    a = (7 * x + 13 * y + 29 * c) % 256
    b = np.clip(a + (x * y) % 11 - 5, 0, 255)
    return b.astype(np.uint8), a.astype(np.uint8)


def photograph_pair(height=61, width=83, spread=12):
    rng = stream(0, "test", "metrics", height, width)
    y, x = np.mgrid[:height, :width]
    truth = 128 + 90 * np.sin(x / 9 + y[:, :1] / 5)[..., None] * np.array([1, 0.8, -0.5])
    noisy = truth + rng.normal(0, spread, truth.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), truth.astype(np.uint8)


@pytest.mark.parametrize(
    ("border", "expected"),
    [
        (0, {"psnr_rgb": 37.543951, "ssim_rgb": 0.9934985, "psnr_y": 38.880620, "ssim_y": 0.9925310}),
        (4, {"psnr_rgb": 37.731708, "ssim_rgb": 0.9934738, "psnr_y": 39.064461, "ssim_y": 0.9925344}),
    ],
)
def test_published_check_values(border, expected):
    found = fidelity(*synthetic_pair(), border)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-4 if name.startswith("psnr") else 1e-6)


@pytest.mark.parametrize("border", [0, 4])
def test_parity_with_scikit_image(border):
    restored, truth = photograph_pair()
    height, width = truth.shape[:2]
    inside = np.s_[border : height - border, border : width - border]
    found = fidelity(restored, truth, border)
    options = {"data_range": 255, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    luma_pair = luma(restored)[inside], luma(truth)[inside]
    colour_pair = restored[inside].astype(float), truth[inside].astype(float)
    assert found["psnr_y"] == pytest.approx(peak_signal_noise_ratio(*luma_pair, data_range=255), abs=1e-10)
    assert found["psnr_rgb"] == pytest.approx(peak_signal_noise_ratio(*colour_pair, data_range=255), abs=1e-10)
    # scikit-image cuts the same 5 pixels from each side before its mean.
    assert found["ssim_y"] == pytest.approx(structural_similarity(*luma_pair, **options), abs=1e-12)
    assert found["ssim_rgb"] == pytest.approx(structural_similarity(*colour_pair, channel_axis=2, **options), abs=1e-12)


def test_psnr_of_a_constant_error():
    truth = np.full((20, 20, 3), 100, np.uint8)
    assert psnr_rgb(truth + 5, truth, 4) == pytest.approx(20 * np.log10(255 / 5))
    # Luma shrinks an equal error of all channels to 219/255 of it.
    assert psnr_y(truth + 5, truth, 4) == pytest.approx(20 * np.log10(255 / 5 * 255 / 219), abs=1e-4)


def test_ssim_of_constant_planes():
    low, high = np.full((11, 11, 3), 50, np.uint8), np.full((11, 11, 3), 200, np.uint8)
    c1 = 6.5025
    assert ssim_rgb(low, high, 0) == pytest.approx((2 * 50 * 200 + c1) / (50**2 + 200**2 + c1), rel=1e-9)


def test_equal_images():
    image, _ = photograph_pair()
    assert fidelity(image, image, 4) == {
        "psnr_y": np.inf,
        "psnr_rgb": np.inf,
        "ssim_y": pytest.approx(1, abs=1e-12),
        "ssim_rgb": pytest.approx(1, abs=1e-12),
    }


def test_an_error_in_the_border_does_not_count():
    image, _ = photograph_pair()
    marred = image.copy()
    marred[:4] ^= 255
    assert psnr_y(marred, image, 4) == np.inf
    assert psnr_y(marred, image, 3) < 40


@pytest.mark.parametrize("formula", [psnr_y, psnr_rgb, ssim_y, ssim_rgb])
def test_single_metrics_equal_the_joint_ones(formula):
    restored, truth = photograph_pair()
    assert formula(restored, truth, 4) == fidelity(restored, truth, 4)[formula.__name__]


def test_only_what_is_asked_for_in_its_order():
    assert list(fidelity(*synthetic_pair(), 4, ["ssim_rgb", "psnr_y"])) == ["ssim_rgb", "psnr_y"]
    assert tuple(fidelity(*synthetic_pair(), 4)) == FIDELITY


def test_a_memory_mapped_view_gives_the_same(tmp_path):
    restored, truth = photograph_pair()
    np.save(tmp_path / "truth.npy", truth)
    assert fidelity(restored, np.load(tmp_path / "truth.npy", mmap_mode="r"), 4) == fidelity(restored, truth, 4)


@pytest.mark.parametrize(
    ("restored", "truth", "message"),
    [
        (np.zeros((20, 20, 3), np.uint8), np.zeros((20, 24, 3), np.uint8), "20 x 20 pixels, original of 20 x 24"),
        (np.zeros((18, 30, 3), np.uint8), np.zeros((18, 30, 3), np.uint8), "at least 19"),
        (np.zeros((20, 20), np.uint8), np.zeros((20, 20), np.uint8), "8-bit RGB"),
        (np.zeros((20, 20, 3), np.float32), np.zeros((20, 20, 3), np.float32), "float32"),
        (np.zeros((20, 20, 4), np.uint8), np.zeros((20, 20, 4), np.uint8), "8-bit RGB"),
    ],
)
def test_unfit_pairs_are_refused(restored, truth, message):
    with pytest.raises(DegcraftError, match=message):
        fidelity(restored, truth, 4)


def test_psnr_alone_needs_no_window():
    assert psnr_rgb(np.zeros((9, 9, 3), np.uint8), np.ones((9, 9, 3), np.uint8), 4) == pytest.approx(48.1308, abs=1e-4)

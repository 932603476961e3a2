import java.io.PrintWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

import com.google.api.gax.rpc.ApiException;
import com.google.api.gax.rpc.StatusCode;

/** The table of cases, and checks. Cases run side by side, a line of TAP each: most of them wait. */
final class Cases {
    interface Run {
        void run() throws Exception;
    }

    record Case(String name, Run run) {}

    static final String HOST = System.getenv("PUBSUB_EMULATOR_HOST");
    private static final List<Case> CASES = new ArrayList<>();
    private static final AtomicInteger IDS = new AtomicInteger();
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    static void add(String name, Run run) {
        CASES.add(new Case(name, run));
    }

    static String fresh(String kind) {
        return kind + "-" + IDS.incrementAndGet();
    }

    static void equal(Object got, Object wanted, String what) {
        if (!Objects.equals(got, wanted)) {
            throw new AssertionError(what + ": got " + got + ", wanted " + wanted);
        }
    }

    static void isTrue(boolean ok, String what) {
        if (!ok) {
            throw new AssertionError(what);
        }
    }

    static void refused(StatusCode.Code code, String what, Callable<?> call) throws Exception {
        Object got;
        try {
            got = call.call();
        } catch (ApiException error) {
            equal(error.getStatusCode().getCode(), code, what + " (" + error.getMessage() + ")");
            return;
        }
        throw new AssertionError(what + ": " + code + " is documented; it was accepted: " + got);
    }

    static void waitFor(String what, int seconds, Callable<Boolean> condition) throws Exception {
        for (long end = System.nanoTime() + seconds * 1_000_000_000L; !condition.call(); Thread.sleep(20)) {
            isTrue(System.nanoTime() < end, "waited in vain for: " + what);
        }
    }

    /** By the local cloud's own count, which no client library has. */
    static boolean isEmpty(String subscription) throws Exception {
        var request = HttpRequest.newBuilder(URI.create("http://" + HOST + "/v1/" + subscription + ":backlog"))
            .version(HttpClient.Version.HTTP_1_1).build();
        var body = HTTP.send(request, HttpResponse.BodyHandlers.ofString()).body();
        return body.replaceAll("\\s", "").contains("\"unacked\":\"0\"");
    }

    private static String where(Throwable error) {
        return Arrays.stream(error.getStackTrace()).filter(f -> f.getFileName() != null && f.getFileName().endsWith("Cases.java"))
            .map(f -> f.getFileName() + ":" + f.getLineNumber()).limit(4).collect(Collectors.joining(", "));
    }

    static int runAll(PrintWriter out) throws Exception {
        out.println("TAP version 13");
        var only = System.getenv().getOrDefault("ONLY", "");
        var pool = Executors.newCachedThreadPool();
        var results = new ArrayList<java.util.concurrent.Future<?>>();
        var count = new AtomicInteger();
        var failed = new AtomicInteger();
        for (Case c : CASES) {
            if (!c.name().contains(only)) {
                continue;
            }
            results.add(pool.submit(() -> {
                String said = "";
                try {
                    c.run().run();
                } catch (Throwable error) {
                    failed.incrementAndGet();
                    said = "# " + String.valueOf(error).replace("\n", " | ") + " (" + where(error) + ")\n";
                }
                synchronized (out) {
                    out.println(said + (said.isEmpty() ? "ok " : "not ok ") + count.incrementAndGet() + " - " + c.name());
                    out.flush();
                }
            }));
        }
        for (var result : results) {
            result.get();
        }
        out.println("1.." + count.get());
        out.flush();
        return failed.get() > 0 || count.get() == 0 ? 1 : 0;
    }
}
